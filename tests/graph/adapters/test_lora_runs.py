"""LoRAs in a workflow: as diffusers samples with them, live at every step, one base for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from safetensors.torch import load_file

from graph.compile import Compiled, compile_workflow
from graph.interfaces import Checkpoint
from graph.library import Library
from graph.runtime import Runtime
from graph.twins import Tuned
from nodes import catalogue
from tests.graph.adapters import making
from tests.graph.adapters.workflows import (
    DDIM,
    EULER,
    GUIDANCE,
    SENTENCE,
    STEPS,
    player_of,
    sampled,
    stored,
)
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders, loras, onefiles
from tests.graph.experts.alone import CPU
from tests.graph.experts.test_lora import of_peft
from tests.graph.experts.test_stable_diffusion import unit_noise
from tests.graph.test_modulated_runs import result

SOLVERS: Mapping[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "ddim": (
        DDIMScheduler,
        {"timestep_spacing": "trailing", "set_alpha_to_one": True},
        DDIM,
    ),
    "euler": (EulerDiscreteScheduler, {}, EULER),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:Already found a .peft_config. attribute:UserWarning:peft"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers"),
]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A base, and two LoRAs for all of it."""
    models = tmp_path / "models"
    pipeline = StableDiffusionPipeline.from_pretrained(folders.stable_diffusion(models / "base"))
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    loras.kohya(models / "loras" / "ink.safetensors", networks, 1)
    loras.peft(models / "loras" / "oil.safetensors", networks, 2)
    return Library(models, tmp_path / "assets")


def drawn(
    library: Library,
    settings: Mapping[str, dict[str, Any]],
    experts: Mapping[str, tuple[str, ...]] | None = None,
    sampler: dict[str, Any] = DDIM,
    more: tuple[str, ...] = (),
    nodes: Nodes | None = None,
    model: str = "base",
) -> Compiled:
    """Experts of one base with some of the LoRAs ink and oil."""
    drawing: Nodes = {
        "text": ("text", {"text": SENTENCE}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"seed": 3, **sampler}),
        "picture": ("picture", {}),
        **(nodes or {}),
    }
    wires = ["fuse.score > picture.score", "sampler.sampling > picture.sampling", *more]
    for name, told in settings.items():
        drawing[name] = ("lora", {"model": f"loras/{name}.safetensors", **told})
    for name, heard in (experts or {"expert": tuple(settings)}).items():
        drawing[name] = ("text_expert", {"model": model, "guidance": GUIDANCE})
        wires += [f"text.text > {name}.text", f"{name}.score > fuse.scores"]
        wires += [f"{each}.adapter > {name}.adapters" for each in heard]
    return compile_workflow(document(drawing, tuple(wires)), catalogue(), library)


def theirs(library: Library, loud: Mapping[str, float], solver: str) -> torch.Tensor:
    """What diffusers samples from the same noise."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(library.folder / "base")
    pipeline.set_progress_bar_config(disable=True)
    scheduler, changes, _ = SOLVERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    for name in loud:
        pipeline.load_lora_weights(
            library.folder / "loras", weight_name=f"{name}.safetensors", adapter_name=name
        )
    if loud:
        pipeline.set_adapters(list(loud), list(loud.values()))
    return pipeline(
        SENTENCE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=unit_noise(),
        output_type="latent",
    ).images


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loud", [{"ink": 0.8}, {"ink": 0.8, "oil": -0.5}], ids=["one", "two"])
def test_a_workflow_with_loras_is_sampled_as_diffusers_does(
    library: Library, solver: str, loud: dict[str, float]
) -> None:
    found = drawn(
        library,
        {name: {"reliability": value} for name, value in loud.items()},
        sampler=SOLVERS[solver][2],
    )
    ours = sampled(library, found, unit_noise())
    assert (ours - theirs(library, loud, solver)).abs().max() <= 1e-4
    assert (ours - theirs(library, {}, solver)).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_lora_beside_a_control_net_is_sampled_as_diffusers_does(
    library: Library, solver: str
) -> None:
    making.controlnet(library.folder / "depth", library.folder / "base")
    photo = stored(library, making.picture())
    found = drawn(
        library,
        {"ink": {"reliability": 0.8}},
        more=("photo.photo > net.photo", "net.adapter > expert.adapters"),
        nodes={
            "photo": ("photo", {"picture": photo}),
            "net": ("adapter", {"model": "depth", "reliability": 0.7}),
        },
        sampler=SOLVERS[solver][2],
    )
    pipeline: Any = StableDiffusionControlNetPipeline.from_pretrained(
        library.folder / "base",
        controlnet=ControlNetModel.from_pretrained(library.folder / "depth"),
    )
    pipeline.set_progress_bar_config(disable=True)
    scheduler, changes, _ = SOLVERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    pipeline.load_lora_weights(
        library.folder / "loras", weight_name="ink.safetensors", adapter_name="ink"
    )
    pipeline.set_adapters(["ink"], [0.8])
    expected = pipeline(
        SENTENCE,
        image=making.picture(),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        controlnet_conditioning_scale=0.7,
        latents=unit_noise(),
        output_type="latent",
    ).images
    ours = sampled(library, found, unit_noise())
    assert (ours - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_lora_beside_an_ip_adapter_is_sampled_as_diffusers_does(
    library: Library, solver: str
) -> None:
    making.ip_adapter(library.folder / "ip", library.folder / "base")
    found = drawn(
        library,
        {"ink": {"reliability": 0.8}},
        more=("photo.photo > ip.photo", "ip.adapter > expert.adapters"),
        nodes={
            "photo": ("photo", {"picture": stored(library, making.picture())}),
            "ip": ("adapter", {"model": "ip", "reliability": 0.7}),
        },
        sampler=SOLVERS[solver][2],
    )
    pipeline: Any = StableDiffusionPipeline.from_pretrained(library.folder / "base")
    pipeline.set_progress_bar_config(disable=True)
    scheduler, changes, _ = SOLVERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    pipeline.load_ip_adapter(
        str(library.folder / "ip"), subfolder="", weight_name="ip-adapter_tiny.safetensors"
    )
    pipeline.set_ip_adapter_scale(0.7)
    pipeline.load_lora_weights(
        library.folder / "loras", weight_name="ink.safetensors", adapter_name="ink"
    )
    pipeline.set_adapters(["ink"], [0.8])
    expected = pipeline(
        SENTENCE,
        ip_adapter_image=making.picture(),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=unit_noise(),
        output_type="latent",
    ).images
    ours = sampled(library, found, unit_noise())
    assert (ours - expected).abs().max() <= 1e-4


def test_a_lora_at_zero_or_muted_is_the_base_bit_for_bit(library: Library) -> None:
    plain = sampled(library, drawn(library, {}, {"expert": ()}))
    for silent in ({"reliability": 0.0}, {"muted": True}):
        assert torch.equal(sampled(library, drawn(library, {"ink": silent})), plain)
    assert not torch.equal(sampled(library, drawn(library, {"ink": {}})), plain)


def test_the_fader_is_heard_at_every_step(library: Library) -> None:
    """What reads the sentence stays as the fader stood; the UNet follows it."""
    found = drawn(library, {"ink": {"reliability": 0.8}})
    player = player_of(library, found, unit_noise())
    still = player_of(library, found, unit_noise())
    assert found.plan is not None
    values = {each.name: each.default for each in found.plan.controls}
    with torch.inference_mode():
        for number in range(4):
            player.advance(number, {**values, "ink.reliability": 0.8 if number < 2 else -1.0})
            still.advance(number, values)
            assert torch.equal(player.x, still.x) == (number < 2)


def test_every_sample_of_a_sweep_is_the_run_of_its_own_weight(library: Library) -> None:
    swept = drawn(
        library,
        {"ink": {}},
        more=("sweep.reliability > ink.reliability",),
        nodes={"sweep": ("sweep", {"start": 0.25, "stop": 1.0, "count": 2})},
    )
    together = sampled(library, swept, unit_noise().repeat(2, 1, 1, 1))
    for number, weight in enumerate((0.25, 1.0)):
        alone = sampled(library, drawn(library, {"ink": {"reliability": weight}}), unit_noise())
        assert (together[number] - alone[0]).abs().max() <= 1e-4


def test_experts_with_loras_share_one_base(library: Library) -> None:
    found = drawn(library, {"ink": {}, "oil": {}}, {"one": ("ink",), "two": ("oil",)})
    runtime = Runtime(library, CPU)
    assert found.plan is not None, found.diagnostics
    done = result(runtime.run(found.plan))
    assert sorted(done.meters.share) == ["one", "two"]
    held = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
        for kept in runtime._loaded.values()
        for each in tensors(kept.network)
    }
    _, base = runtime.expert("base")
    own = {each.untyped_storage().data_ptr(): each.nbytes for each in tensors(base)}
    files = sum(
        each.nbytes
        for name in ("ink", "oil")
        for key, each in load_file(library.folder / "loras" / f"{name}.safetensors").items()
        if not key.endswith("alpha")
    )
    assert sum(held.values()) - sum(own.values()) == pytest.approx(files, rel=0.05)


def tensors(network: Any) -> list[torch.Tensor]:
    """All that an expert, one with LoRAs, or a LoRA holds."""
    if isinstance(network, Tuned):
        return tensors(network._twin)
    if isinstance(network, Checkpoint):
        modules = [*network.networks().values()]
        changed = [each for one in modules for each in one.modules() if hasattr(each, "_deltas")]
        deltas = [delta for each in changed for delta in each._deltas.values()]
        parts = [part for delta in deltas for part in delta.tensors()]
        return [*parts, *(each for one in modules for each in (*one.parameters(), *one.buffers()))]
    deltas = [delta for part in network.values() for delta in part.values()]
    return [part for delta in deltas for part in delta.tensors()]


def test_a_changed_file_is_read_again(library: Library) -> None:
    found = drawn(library, {"ink": {}})
    runtime = Runtime(library, CPU)
    assert found.plan is not None
    _, base = runtime.expert("base")
    name, first = runtime.tuned("base", base, ("loras/ink.safetensors",))
    assert runtime.tuned("base", base, ("loras/ink.safetensors",)) == (name, first)
    file = library.folder / "loras" / "ink.safetensors"
    loras.kohya(file, base.networks(), 5, wanted=loras.everything)
    assert runtime.tuned("base", base, ("loras/ink.safetensors",))[1] is not first


def test_what_lies_beside_a_file_of_peft_is_read_again(library: Library) -> None:
    unet = StableDiffusionPipeline.from_pretrained(library.folder / "base").unet
    file = of_peft(unet, library.folder)
    name = file.relative_to(library.folder).as_posix()
    assert name in library.loras()
    first = library.lora(name)
    assert library.lora(name) is first
    config = file.with_name("adapter_config.json")
    config.write_text(config.read_text().replace('"lora_alpha": 3', '"lora_alpha": 12'))
    alphas = {pair.alpha for pair in library.lora(name).parts["unet"].values()}
    assert alphas == {4 * pair.alpha for pair in first.parts["unet"].values()}


def test_a_lora_for_another_family_is_refused_where_it_is_wired(library: Library) -> None:
    folders.stable_diffusion_xl(library.folder / "xl")
    found = drawn(library, {"ink": {}}, model="xl")
    assert found.plan is None
    (said,) = (each for each in found.diagnostics if each.severity == "error")
    assert (said.code, said.node, said.port) == ("M040", "expert", "adapters")
    assert said.message.startswith("'loras/ink.safetensors' is a LoRA for Stable Diffusion: the ")
    assert "of 'xl' has" in said.message


def test_a_lora_that_is_none_is_said_at_its_node(library: Library) -> None:
    file = library.folder / "loras" / "ink.safetensors"
    whole = file.read_bytes()
    for content, name, code in (
        (whole[:-9], "ink.safetensors", "M013"),
        (whole, "ink.pt", "M004"),
        (whole, "ink.ckpt", "M004"),
    ):
        file.unlink(missing_ok=True)
        (file.with_name(name)).write_bytes(content)
        found = drawn(library, {"ink": {"model": f"loras/{name}"}})
        assert [(each.code, each.node) for each in found.diagnostics if each.code[0] == "M"] == [
            (code, "ink")
        ]


def test_a_lora_for_a_checkpoint_of_one_file(library: Library) -> None:
    onefiles.onefile(library.folder / "one.safetensors", library.folder / "base")
    of_file = drawn(library, {"ink": {}}, model="one.safetensors")
    of_folder = drawn(library, {"ink": {}})
    ours, same = (sampled(library, each, unit_noise()) for each in (of_file, of_folder))
    assert torch.equal(ours, same)
