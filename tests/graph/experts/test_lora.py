"""LoRAs: experts with them are sampled as diffusers does, and weigh no more than the LoRAs."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchHeunDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    LatentConsistencyModelPipeline,
    PixArtSigmaPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.loaders import lora_conversion_utils, lora_pipeline
from peft import (
    LoraConfig,
    get_peft_model,
    inject_adapter_in_model,
    set_peft_model_state_dict,
)
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file

from graph.errors import ChoraleError
from graph.interfaces import Expert, Heard, Tuning
from graph.levels import NoiseLevel
from graph.lora import read_lora
from graph.machine import Machine
from graph.samplers.ddim import Ddim
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.samplers.euler import Euler
from graph.samplers.heun import Heun
from graph.schedules.discrete import Discrete
from graph.schedules.flow import Flow
from graph.twins import Deltas, Tuned, deltas_of
from tests.graph.adapters import distilled
from tests.graph.experts import folders, loras
from tests.graph.experts import test_flux as flux
from tests.graph.experts import test_sana as sana
from tests.graph.experts import test_stable_diffusion_3 as stable_diffusion_3
from tests.graph.experts.alone import GUIDANCE, STEPS, expert, sample
from tests.graph.experts.test_stable_diffusion import SAMPLERS, SENTENCE, unit_noise

pytestmark = [
    pytest.mark.filterwarnings("ignore:Already found a .peft_config. attribute:UserWarning:peft"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers"),
]
ALL = ("unet", "text_encoder")
WRITTEN: Mapping[str, Any] = {
    "kohya": loras.kohya,
    "kohya-conv": lambda path, networks, seed: loras.kohya(
        path, networks, seed, wanted=loras.everything, alpha=1.0
    ),
    "peft": loras.peft,
    "peft-noted": lambda path, networks, seed: loras.peft(path, networks, seed, alpha=5.0),
    "peft-patterns": lambda path, networks, seed: loras.peft(
        path,
        {"unet": networks["unet"]},
        seed,
        alpha=3.0,
        use_rslora=True,
        alpha_pattern={"to_q": 7.0},
    ),
    "diffusers": loras.diffusers,
}


class Steady(Expert):
    """An expert with LoRAs as loud as they are, in the place of an expert."""

    def __init__(self, who: Any, deltas: Mapping[str, Deltas], loud: Mapping[str, Any]) -> None:
        self.tuned, self.loud = Tuned(who, deltas), loud

    def encode(self, value: Any) -> Any:
        return self.tuned.reader(self.loud).encode(value)

    def denoise(self, x: torch.Tensor, level: Any, conditions: Any) -> torch.Tensor:
        return answer(self.tuned, x, level, conditions, self.loud)


def answer(tuned: Tuned, x: Any, level: Any, asked: Any, loud: Mapping[str, Any]) -> Any:
    heard = [
        Heard(Tuning(name), (), torch.as_tensor(value).expand(len(x)).reshape(-1, 1, 1, 1))
        for name, value in loud.items()
        if isinstance(value, torch.Tensor) or value
    ]
    return tuned.denoise(x, level, asked, heard)


def steady(folder: Path, files: Mapping[Path, float]) -> Any:
    who: Any = expert(folder)
    deltas = {file.name: deltas_of(read_lora(file.name, file), "sd", who) for file in files}
    return Steady(who, deltas, {file.name: loud for file, loud in files.items()})


def loaded(pipeline: Any, files: Mapping[Path, float]) -> None:
    """LoRAs loaded by diffusers, so loud."""
    for number, file in enumerate(files):
        pipeline.load_lora_weights(file.parent, weight_name=file.name, adapter_name=f"a{number}")
    pipeline.set_adapters([f"a{number}" for number in range(len(files))], list(files.values()))


def theirs(pipeline: Any, files: Mapping[Path, float], noise: torch.Tensor, **more: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    if files:
        loaded(pipeline, files)
    return pipeline(
        SENTENCE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=noise,
        output_type="latent",
        **more,
    ).images


@pytest.mark.parametrize("solver", ["ddim", "euler"])
@pytest.mark.parametrize("written", WRITTEN)
def test_a_lora_is_sampled_as_stable_diffusion_pipeline_does(
    tmp_path: Path, written: str, solver: str
) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    networks = {part: getattr(pipeline, part) for part in ALL}
    files = {WRITTEN[written](tmp_path / "a.safetensors", networks, 1): 0.8}
    if solver == "euler":
        files[WRITTEN[written](tmp_path / "b.safetensors", networks, 2)] = -0.6
    scheduler, changes, sampler, levels = SAMPLERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    plain = theirs(pipeline, {}, unit_noise())
    found = theirs(pipeline, files, unit_noise())
    ours = sample(
        steady(folder, files), SENTENCE, unit_noise(), sampler, Discrete(**levels).levels(STEPS)
    )
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", ["ddim", "euler"])
@pytest.mark.parametrize("written", ["kohya", "peft"])
def test_a_lora_is_sampled_as_stable_diffusion_xl_pipeline_does(
    tmp_path: Path, written: str, solver: str
) -> None:
    folder = folders.stable_diffusion_xl(tmp_path / "xl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder)
    networks = {part: getattr(pipeline, part) for part in (*ALL, "text_encoder_2")}
    file = tmp_path / "a.safetensors"
    if written == "kohya":
        # diffusers overlooks an upsampler beside no attention, which SDXL has not
        wanted: Any = lambda name: "upsamplers" not in name  # noqa: E731
        loras.kohya(file, networks, 1, wanted=wanted, alpha=1.0, ldm=True)
    else:
        loras.peft(file, networks, 1)
    scheduler, changes, sampler, levels = SAMPLERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    height, width = (8 * side for side in folders.XL_SIDES)
    noise = unit_noise((folders.CHANNELS, *folders.XL_SIDES))
    size = {"height": height, "width": width}
    plain = theirs(pipeline, {}, noise, **size)
    found = theirs(pipeline, {file: 0.7}, noise, **size)
    who = steady(folder, {file: 0.7})
    ours = sample(who, SENTENCE, noise, sampler, Discrete(**levels).levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


@pytest.mark.parametrize("steps", [1, 4])
def test_a_lora_is_sampled_as_latent_consistency_model_pipeline_does(
    tmp_path: Path, steps: int
) -> None:
    folder = folders.latent_consistency(tmp_path / "lcm")
    pipeline = LatentConsistencyModelPipeline.from_pretrained(folder)
    networks = {part: getattr(pipeline, part) for part in ALL}
    file = loras.kohya(tmp_path / "a.safetensors", networks, 1)
    plain = distilled.theirs(pipeline, unit_noise(), steps)
    loaded(pipeline, {file: 0.8})
    found = distilled.theirs(pipeline, unit_noise(), steps)
    who = steady(folder, {file: 0.8})
    heard = [Heard(Tuning(file.name), (), distilled.loud(0.8))]
    ours = distilled.ours(who.tuned, who.encode(SENTENCE), unit_noise(), steps, heard)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", stable_diffusion_3.SAMPLERS)
def test_a_lora_is_sampled_as_stable_diffusion_3_pipeline_does(tmp_path: Path, solver: str) -> None:
    scheduler, sampler = stable_diffusion_3.SAMPLERS[solver]
    folder = folders.stable_diffusion_3(tmp_path / "sd3")
    pipeline = StableDiffusion3Pipeline.from_pretrained(folder)
    pipeline.scheduler = scheduler(shift=3.0)
    parts = ("transformer", "text_encoder", "text_encoder_2")
    file = loras.peft(
        tmp_path / "a.safetensors", {part: getattr(pipeline, part) for part in parts}, 1
    )
    plain, found = (theirs(pipeline, files, unit_noise()) for files in ({}, {file: 0.7}))
    levels = Flow(shift=3.0).levels(STEPS)
    ours = sample(steady(folder, {file: 0.7}), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("written", ["kohya", "peft"])
def test_a_lora_is_sampled_as_flux_pipeline_does(tmp_path: Path, written: str, solver: str) -> None:
    folder = folders.flux(tmp_path / "flux")
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    sampler, schedule = Euler(), Flow(shift=math.exp(flux.MU), ending="even")
    if solver == "heun":
        pipeline.scheduler = flux.OwnTimes(shift=3.0)
        sampler, schedule = Heun(), Flow(shift=3.0)
    parts = ("transformer", "text_encoder") if written == "peft" else ("transformer",)
    networks = {part: getattr(pipeline, part) for part in parts}
    file = WRITTEN[written](tmp_path / "a.safetensors", networks, 1)
    plain = flux.run(pipeline, SENTENCE)
    loaded(pipeline, {file: 0.7})
    found = flux.run(pipeline, SENTENCE)
    who = steady(folder, {file: 0.7})
    ours = sample(who, SENTENCE, flux.unit_noise(), sampler, schedule.levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


def untouched(name: str) -> bool:
    """Layers that diffusers converts at any width: it takes linear1 for that of Flux, and drops
    those beside the blocks, as it leaves out the prefix by which it looks for them."""
    return "linear1" not in name and ("blocks" in name or "text_model" in name)


def whole_conversion(width: int) -> Any:
    """The conversion of diffusers for Flux of another width, with no layer dropped."""
    source = inspect.getsource(lora_conversion_utils._convert_kohya_flux_lora_to_diffusers)
    told = "dims=[3072, 3072, 3072, 12288]"
    assert source.count(told) == 1
    names = dict(vars(lora_conversion_utils))
    exec(source.replace(told, f"dims={[width, width, width, 4 * width]}"), names)
    known = ("transformer.", "text_encoder.")

    def convert(stored: Any) -> Any:
        found = names["_convert_kohya_flux_lora_to_diffusers"](stored)
        return {
            name if name.startswith(known) else f"transformer.{name}": each
            for name, each in found.items()
        }

    return convert


ORIGINAL: Mapping[str, Any] = {
    "kohya": {"style": "kohya", "wanted": untouched},
    "comfy": {"style": "dotted"},
    "lora_A": {"style": "dotted", "roles": ("lora_A", "lora_B"), "alpha": None},
}
"""Files of Flux in the names of its original code."""


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("written", ORIGINAL)
def test_a_lora_with_original_names_is_sampled_as_flux_pipeline_does(
    tmp_path: Path, written: str, solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders.flux(tmp_path / "flux")
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    sampler, schedule = Euler(), Flow(shift=math.exp(flux.MU), ending="even")
    if solver == "heun":
        pipeline.scheduler = flux.OwnTimes(shift=3.0)
        sampler, schedule = Heun(), Flow(shift=3.0)
    told = ORIGINAL[written]
    parts = ("transformer",) if written == "lora_A" else ("transformer", "text_encoder")
    networks = {part: getattr(pipeline, part) for part in parts}
    file = loras.bfl(tmp_path / "a.safetensors", networks, 1, **told)
    # diffusers knows such names only with lora_down and lora_up
    same = loras.bfl(
        tmp_path / "b.safetensors", networks, 1, **{**told, "roles": ("lora_down", "lora_up")}
    )
    if "wanted" not in told:
        convert = whole_conversion(pipeline.transformer.inner_dim)
        monkeypatch.setattr(lora_pipeline, "_convert_kohya_flux_lora_to_diffusers", convert)
    plain = flux.run(pipeline, SENTENCE)
    loaded(pipeline, {same: 0.7})
    found = flux.run(pipeline, SENTENCE)
    who = steady(folder, {file: 0.7})
    ours = sample(who, SENTENCE, flux.unit_noise(), sampler, schedule.levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


def test_layers_of_the_width_of_flux_are_cut_as_diffusers_cuts_them(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = FluxTransformer2DModel(num_layers=1, num_single_layers=1)
    file = loras.bfl(
        tmp_path / "a.safetensors",
        {"transformer": network},
        1,
        wanted=lambda name: "blocks" in name and "mod" not in name,
        alpha=None,
    )
    stored = load_file(file)
    theirs = lora_conversion_utils._convert_kohya_flux_lora_to_diffusers(dict(stored))
    shapes = {key: tuple(each.shape) for key, each in network.state_dict().items()}
    found: dict[str, torch.Tensor] = {}
    for layer, pair in read_lora("a", file).fitted("flux", "transformer", shapes).items():
        up = stored[pair.keys["up"]]
        rows = pair.rows or ((0, len(up)),)
        found[f"transformer.{layer}.lora_A.weight"] = stored[pair.keys["down"]]
        found[f"transformer.{layer}.lora_B.weight"] = torch.cat([up[a:b] for a, b in rows])
    assert found.keys() == theirs.keys()
    assert all(torch.equal(found[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("style", ["kohya", "bare"])
def test_every_layer_of_flux_has_one_original_name_and_shares_what_was_one(
    tmp_path: Path, style: str
) -> None:
    folder = folders.flux(tmp_path / "flux", layers=(2, 2))
    # numbers of the file's own type would all stay where the file lies
    who: Any = expert(folder, Machine(torch.device("cpu"), torch.float16))
    networks = {"transformer": who.networks()["transformer"]}
    file = loras.bfl(tmp_path / "a.safetensors", networks, 1, style)
    deltas = deltas_of(read_lora("a", file), "flux", who)["transformer"]
    layers = networks["transformer"].named_modules()
    assert sorted(deltas) == sorted(
        name for name, each in layers if isinstance(each, torch.nn.Linear)
    )
    stored = {key: each for key, each in load_file(file).items() if not key.endswith(".alpha")}
    held = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
        for delta in deltas.values()
        for each in delta.tensors()
    }
    assert sum(held.values()) == sum(each.nbytes for each in stored.values()) / 2


def test_a_layer_of_flux_of_another_width_or_by_two_names_is_refused(tmp_path: Path) -> None:
    who: Any = expert(folders.flux(tmp_path / "flux"))
    networks = {"transformer": who.networks()["transformer"]}
    file = loras.bfl(tmp_path / "a.safetensors", networks, 1)
    tensors = load_file(file)
    key = "lora_unet_single_blocks_0_linear1.lora_up.weight"
    save_file({**tensors, key: torch.ones(48, 2)}, file)
    said = r"M040 .* of 'flux' has single_blocks_0_linear1 of 112×16, expected 48×16 \(22 of 23"
    with pytest.raises(ChoraleError, match=said):
        deltas_of(read_lora("a", file), "flux", who)
    name = "transformer.transformer_blocks.0.attn.to_k"
    twice = {f"{name}.lora_A.weight": torch.ones(2, 16), f"{name}.lora_B.weight": torch.ones(16, 2)}
    save_file({**tensors, **twice}, file)
    said = (
        r"M040 'a' changes \S+to_k in .* names \S+img_attn_qkv and transformer_blocks.0.attn.to_k"
    )
    with pytest.raises(ChoraleError, match=said):
        deltas_of(read_lora("a", file), "flux", who)


@pytest.mark.parametrize("solver", ["euler", "heun"])
def test_a_lora_is_sampled_as_sana_pipeline_does(tmp_path: Path, solver: str) -> None:
    folder = folders.sana(tmp_path / "sana")
    pipeline = sana.opened(folder)
    if solver == "heun":
        pipeline.scheduler = FlowMatchHeunDiscreteScheduler(shift=3.0)
    networks = {"transformer": pipeline.transformer}
    file = loras.peft(tmp_path / "a.safetensors", networks, 1, alpha=3.0)
    plain = sana.run(pipeline, SENTENCE)
    loaded(pipeline, {file: 0.7})
    found = sana.run(pipeline, SENTENCE)
    who, sampler = steady(folder, {file: 0.7}), Heun() if solver == "heun" else Euler()
    levels = Flow(shift=3.0).levels(sana.STEPS)
    ours = sample(who, SENTENCE, sana.unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2


PIXART: Mapping[str, tuple[Any, Any]] = {
    "ddim": (DDIMScheduler, Ddim()),
    "dpmpp_2m": (DPMSolverMultistepScheduler, Dpmpp2M()),
}


@pytest.mark.parametrize("solver", PIXART)
@pytest.mark.parametrize("written", ["peft", "peft itself"])
def test_a_lora_of_pixart_is_sampled_as_peft_has_it(
    tmp_path: Path, written: str, solver: str
) -> None:
    """Its pipelines load no LoRAs; people have peft change the networks before they run."""
    scheduler, sampler = PIXART[solver]
    folder = folders.pixart(tmp_path / "pixart")
    pipeline = PixArtSigmaPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)

    def run() -> torch.Tensor:
        return pipeline(
            SENTENCE,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=unit_noise(),
            height=32,
            width=32,
            use_resolution_binning=False,
            clean_caption=False,
            output_type="latent",
        ).images

    plain, parts = run(), ("transformer", "text_encoder")
    if written == "peft itself":
        file = of_peft(pipeline.transformer, tmp_path)
        peft_scaled(pipeline.transformer, 0.7)
    else:
        networks = {part: getattr(pipeline, part) for part in parts}
        file = loras.peft(tmp_path / "a.safetensors", networks, 1, wanted=loras.attention_or_t5)
        for part in parts:
            injected(networks[part], part, file)
            peft_scaled(networks[part], 0.7)
    found = run()
    curve = Discrete(curve="squaredcos_cap_v2", spacing="trailing")
    ours = sample(steady(folder, {file: 0.7}), SENTENCE, unit_noise(), sampler, curve.levels(STEPS))
    # the pipeline starts at its own first level with unit noise, this state with its own sigma
    assert (ours - found).abs().max() <= 1e-4 * found.abs().max()
    assert (found - plain).abs().max() >= 1e-2


def of_peft(network: Any, folder: Path) -> Path:
    """A network of diffusers changed by peft, and the file that peft writes of it."""
    config = LoraConfig(r=2, lora_alpha=3, target_modules=["to_q", "to_v"], use_rslora=True)
    changed = get_peft_model(network, config)
    generator = torch.Generator().manual_seed(4)
    for name, each in changed.named_parameters():
        if "lora_" in name:
            each.data = torch.randn(each.shape, generator=generator) * 0.3
    changed.save_pretrained(folder / "style")
    return folder / "style" / "adapter_model.safetensors"


def injected(network: Any, part: str, file: Path) -> None:
    """Change a network, by peft, as the part of a file says that is for it."""
    found = {
        name.removeprefix(f"{part}."): each
        for name, each in load_file(file).items()
        if name.startswith(f"{part}.")
    }
    layers = sorted({name.rpartition(".lora_")[0] for name in found})
    inject_adapter_in_model(LoraConfig(r=2, lora_alpha=2, target_modules=layers), network)
    set_peft_model_state_dict(network, found)
    network.eval()


def peft_scaled(network: Any, loud: float) -> None:
    """Make what peft changed so loud."""
    layers = [each for each in network.modules() if isinstance(each, LoraLayer)]
    assert layers
    for each in layers:
        each.set_scale("default", loud)


def test_what_of_t5_stays_wide_is_changed_in_its_own_type(tmp_path: Path) -> None:
    folder = folders.pixart(tmp_path / "pixart")
    full: Any = expert(folder)
    networks = {"text_encoder": full.networks()["text_encoder"]}
    file = loras.peft(tmp_path / "a.safetensors", networks, 1, wanted=lambda name: "wo" in name)
    read = []
    for precision in (torch.float32, torch.float16):
        who: Any = expert(folder, Machine(torch.device("cpu"), precision))
        tuned = Tuned(who, {"a": deltas_of(read_lora("a", file), "pixart", who)})
        read += [tuned.reader({"a": 1.0}).encode(SENTENCE).words.float()]
    plain = full.encode(SENTENCE).words
    assert (read[0] - plain).abs().max() > 0.1
    assert (read[0] - read[1]).abs().max() < 0.01 * read[0].abs().max()


def tuned_pair(tmp_path: Path) -> tuple[Any, dict[str, Deltas]]:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    found = {
        name: loras.kohya(tmp_path / f"{name}.safetensors", who.networks(), ord(name))
        for name in "ab"
    }
    return who, {name: deltas_of(read_lora(name, file), "sd", who) for name, file in found.items()}


def places(who: Any) -> dict[int, int]:
    """Where the numbers of an expert lie, and how many bytes each."""
    found: dict[int, int] = {}
    for network in who.networks().values():
        for each in (*network.parameters(), *network.buffers()):
            found[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
        for module in network.modules():
            for delta in getattr(module, "_deltas", {}).values():
                for each in delta.tensors():
                    found[each.untyped_storage().data_ptr()] = each.untyped_storage().nbytes()
    return found


def test_experts_with_loras_on_one_base_weigh_no_more_than_the_loras(tmp_path: Path) -> None:
    who, deltas = tuned_pair(tmp_path)
    base = places(who)
    twins = [Tuned(who, {name: each})._twin for name, each in deltas.items()]
    together = base | places(twins[0]) | places(twins[1])
    stored = sum(
        each.nbytes
        for name in "ab"
        for key, each in load_file(tmp_path / f"{name}.safetensors").items()
        if not key.endswith(".alpha")
    )
    extra = sum(together.values()) - sum(base.values())
    assert 0 < stored == pytest.approx(extra, rel=0.05)
    assert all(base.keys() < places(twin).keys() for twin in twins)


def test_the_base_stays_as_it_is_and_a_lora_at_zero_is_the_base(tmp_path: Path) -> None:
    who, deltas = tuned_pair(tmp_path)
    x, level, asked = unit_noise(), NoiseLevel.from_noise(0.6), [who.encode(SENTENCE)]
    before = who.denoise(x, level, asked)
    tuned = Tuned(who, deltas)
    loud = answer(tuned, x, level, asked, {"a": 0.5, "b": 0.0})
    assert torch.equal(who.denoise(x, level, asked), before)
    assert torch.equal(answer(tuned, x, level, asked, {}), before)
    assert torch.equal(tuned.reader({"a": 0.0}).encode(SENTENCE), asked[0])
    alone = Tuned(who, {"a": deltas["a"]})
    assert torch.equal(answer(alone, x, level, asked, {"a": 0.5}), loud)
    assert (loud - before).abs().max() > 1e-2
    assert (tuned.reader({"a": 0.5}).encode(SENTENCE) - asked[0]).abs().max() > 1e-2


def test_every_sample_has_a_weight_of_its_own(tmp_path: Path) -> None:
    who, deltas = tuned_pair(tmp_path)
    tuned = Tuned(who, deltas)
    x, level = torch.cat([unit_noise()] * 3), NoiseLevel.from_noise(0.6)
    asked = [who.encode(SENTENCE)] * 3
    sweep = torch.tensor([0.0, 0.5, -1.0])
    together = answer(tuned, x, level, asked, {"a": sweep, "b": 0.3})
    apart = [answer(tuned, x[:1], level, asked[:1], {"a": float(loud), "b": 0.3}) for loud in sweep]
    assert torch.allclose(together, torch.cat(apart), atol=1e-5)
    assert (apart[0] - apart[1]).abs().max() > 1e-3


def changed(tmp_path: Path, **keys: str) -> Path:
    """A LoRA file with endings of keys replaced."""
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file = loras.kohya(tmp_path / "a.safetensors", who.networks(), 1)
    tensors = load_file(file)
    for old, new in keys.items():
        tensors = {key.replace(old, new): each for key, each in tensors.items()}
    save_file(tensors, file)
    return file


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("oft_blocks", "M043 'a' is OFT or BOFT"),
        ("w_norm", "M043 'a' is LoRA of norms"),
        ("lora_rows", "M043 'a' is a file with the key lora_te_"),
    ],
)
def test_relatives_of_lora_are_named_with_what_loads(tmp_path: Path, new: str, said: str) -> None:
    with pytest.raises(ChoraleError, match=f"{said}.*Supported is LoRA, DoRA, LoHa, LoKr and full"):
        read_lora("a", changed(tmp_path, **{"lora_up.weight": new}))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("lora_unet_conv_in.oft_blocks", "OFT or BOFT"),
        ("lora_unet_conv_in.on_input", r"\(IA\)³"),
        ("lora_unet_conv_in.b2.weight", "GLoRA"),
        ("lora_unet_conv_norm_out.w_norm", "LoRA of norms"),
        ("lora_unet_conv_in.lokr_t1", "LoKr in three factors twice"),
        ("base_model.model.conv_in.hada_w1_a", "LoHa or LoKr as peft saves it"),
        ("unet.conv_in.lora_B.bias", "LoRA with biases"),
    ],
)
def test_a_relative_is_named_by_one_key(tmp_path: Path, key: str, said: str) -> None:
    file = changed(tmp_path)
    save_file({**load_file(file), key: torch.ones(2)}, file)
    with pytest.raises(ChoraleError, match=f"M043 'a' is {said}, which is not supported"):
        read_lora("a", file)


def test_half_a_layer_is_refused(tmp_path: Path) -> None:
    file = changed(tmp_path)
    tensors = load_file(file)
    tensors.pop(next(key for key in tensors if key.endswith("lora_up.weight")))
    save_file(tensors, file)
    with pytest.raises(ChoraleError, match="M043 'a' is a file with half of the layer"):
        read_lora("a", file)


@pytest.mark.parametrize("note", ["{", "[]", '{"unet.lora_alpha": "x"}'])
def test_a_note_that_peft_would_not_write_is_refused(tmp_path: Path, note: str) -> None:
    file = changed(tmp_path)
    save_file(load_file(file), file, {"lora_adapter_metadata": note})
    with pytest.raises(ChoraleError, match=r"M043 .* note lora_adapter_metadata"):
        read_lora("a", file)


def test_a_file_of_peft_itself_is_read_with_what_lies_beside_it(tmp_path: Path) -> None:
    file = of_peft(folders.conditional_unet(cross_attention_dim=8), tmp_path)
    found = read_lora("a", file)
    assert {pair.alpha for pair in found.parts["unet"].values()} == {3 * 2**0.5}
    config = file.with_name("adapter_config.json")
    told = json.loads(config.read_text())
    config.write_text(json.dumps(told | {"lora_alpha": "much"}))
    with pytest.raises(ChoraleError, match=r"M043 'a' is a file whose adapter_config.json says"):
        read_lora("a", file)
    config.write_text("[")
    with pytest.raises(ChoraleError, match="M005"):
        read_lora("a", file)
    config.unlink()
    with pytest.raises(ChoraleError, match=r"M055 'a' .* no adapter_config.json beside it"):
        read_lora("a", file)


def test_a_file_without_lora_or_cut_off_is_refused(tmp_path: Path) -> None:
    file = changed(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(ChoraleError, match=r"M013 The files of 'a' cannot be loaded: .*/a\.safet"):
        read_lora("a", file)
    save_file({"weight": torch.ones(1)}, file)
    with pytest.raises(ChoraleError, match="M042 'a' is no LoRA"):
        read_lora("a", file)


def test_a_lora_for_another_family_is_refused(tmp_path: Path) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    xl: Any = expert(folders.stable_diffusion_xl(tmp_path / "xl"))
    file = loras.kohya(tmp_path / "a.safetensors", {"unet": xl.networks()["unet"]}, 1)
    said = r"M040 'a' is a LoRA for .*the unet of 'sd' has \S+attn2_to_k of 8×8, expected 8×20"
    with pytest.raises(ChoraleError, match=said):
        deltas_of(read_lora("a", file), "sd", who)
    loras.kohya(file, {"text_encoder_2": xl.networks()["text_encoder_2"]}, 1)
    with pytest.raises(ChoraleError, match=r"Stable Diffusion XL: .*'sd' has no layer \S+_proj"):
        deltas_of(read_lora("a", file), "sd", who)


def test_a_lora_of_an_embedding_is_refused(tmp_path: Path) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file = tmp_path / "a.safetensors"
    key = "text_encoder.text_model.embeddings.token_embedding"
    save_file(
        {f"{key}.lora_A.weight": torch.ones(2, 8), f"{key}.lora_B.weight": torch.ones(57, 2)}, file
    )
    with pytest.raises(ChoraleError, match=r"M040 .* of the class Embedding: expected a Linear"):
        deltas_of(read_lora("a", file), "sd", who)


T5: dict[str, tuple[Any, Any, str]] = {
    "flux": (folders.flux, FluxPipeline, "text_encoder_2"),
    "sd3": (folders.stable_diffusion_3, StableDiffusion3Pipeline, "text_encoder_3"),
}


def loaded_with_t5(folder: Path, base: str, styles: str) -> tuple[Any, Path]:
    """A pipeline and a file for its transformer, its CLIPs and T5, which peft changes."""
    _, kind, t5 = T5[base]
    pipeline = kind.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    first = ("text_encoder",) if base == "flux" else ("text_encoder", "text_encoder_2")
    parts = ("transformer", *first, t5)
    networks = {part: getattr(pipeline, part) for part in parts}
    file = loras.peft(folder / "a.safetensors", networks, 1, wanted=loras.attention_or_t5)
    for part in parts:
        injected(networks[part], part, file)
        peft_scaled(networks[part], 0.7)
    tensors = load_file(file)
    readers = {"text_encoder": "clip_l", "text_encoder_2": "clip_g", t5: "t5xxl"}
    numbers = {"text_encoder": "te1", "text_encoder_2": "te2", t5: "te3"}
    for key in [each for each in tensors if each.startswith("text_") and styles != "peft"]:
        part, _, rest = key.partition(".")
        layer, role = rest.split(".lora_")
        head = f"text_encoders.{readers[part]}.transformer."
        if styles == "kohya":
            head, layer = f"lora_{numbers[part]}_", layer.replace(".", "_")
        role = {"A.weight": "down.weight", "B.weight": "up.weight"}[role]
        tensors[f"{head}{layer}.lora_{role}"] = tensors.pop(key)
    save_file(tensors, file)
    return pipeline, file


@pytest.mark.parametrize("styles", ["peft", "kohya", "comfy"])
def test_t5_of_flux_is_changed_as_peft_has_it(tmp_path: Path, styles: str) -> None:
    """Its pipeline loads no LoRA of T5: peft changes all networks before it runs."""
    folder = folders.flux(tmp_path / "flux")
    plain = flux.run(FluxPipeline.from_pretrained(folder), SENTENCE)
    pipeline, file = loaded_with_t5(folder, "flux", styles)
    found = flux.run(pipeline, SENTENCE)
    assert "text_encoder_2" in read_lora("a", file).parts
    levels = Flow(shift=math.exp(flux.MU), ending="even").levels(STEPS)
    ours = sample(steady(folder, {file: 0.7}), SENTENCE, flux.unit_noise(), Euler(), levels)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2
    peft_scaled(pipeline.text_encoder_2, 0.0)
    assert (flux.run(pipeline, SENTENCE) - found).abs().max() >= 1e-3


@pytest.mark.parametrize("styles", ["peft", "kohya", "comfy"])
def test_t5_of_sd3_is_changed_as_peft_has_it(tmp_path: Path, styles: str) -> None:
    scheduler, sampler = stable_diffusion_3.SAMPLERS["euler"]
    folder = folders.stable_diffusion_3(tmp_path / "sd3")
    pipeline, file = loaded_with_t5(folder, "sd3", styles)
    pipeline.scheduler = scheduler(shift=3.0)
    found = theirs(pipeline, {}, unit_noise())
    levels = Flow(shift=3.0).levels(STEPS)
    ours = sample(steady(folder, {file: 0.7}), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4
    peft_scaled(pipeline.text_encoder_3, 0.0)
    assert (theirs(pipeline, {}, unit_noise()) - found).abs().max() >= 1e-3


def test_a_lora_of_t5_is_refused_by_a_base_without_it(tmp_path: Path) -> None:
    """People leave the third text encoder of SD 3 out to save memory."""
    folder = folders.stable_diffusion_3(tmp_path / "sd3")
    _, file = loaded_with_t5(folder, "sd3", "kohya")
    small: Any = expert(folders.stable_diffusion_3(tmp_path / "small", reads_t5=False))
    said = r"M040 'a' is a LoRA for a transformer: the text_encoder_3 of 'small' has no layer enc"
    with pytest.raises(ChoraleError, match=said):
        deltas_of(read_lora("a", file), "small", small)
