"""DoRA: what is heard is what peft and diffusers make of it, at any loudness, alone or beside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.lora import read_lora
from graph.machine import Machine
from graph.samplers.euler import Euler
from graph.schedules.discrete import Discrete
from graph.schedules.flow import Flow
from graph.twins import Tuned, deltas_of
from tests.graph.experts import folders, loras
from tests.graph.experts import test_flux as flux
from tests.graph.experts.alone import STEPS, expert, sample
from tests.graph.experts.test_lora import ALL, answer, loaded, steady, theirs
from tests.graph.experts.test_stable_diffusion import SAMPLERS, SENTENCE, unit_noise

pytestmark = [
    pytest.mark.filterwarnings("ignore:Already found a .peft_config. attribute:UserWarning:peft"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers"),
]


def decomposed(pipeline: Any, files: Mapping[Path, float]) -> None:
    """Files loaded by diffusers, so loud; it loses the lengths of text encoders on the way."""
    loaded(pipeline, files)
    for number, file in enumerate(files):
        for key, each in load_file(file).items():
            part, _, rest = key.partition(".")
            if part.startswith("text_encoder") and rest.endswith("lora_magnitude_vector"):
                layer = getattr(pipeline, part).get_submodule(rest.rpartition(".")[0])
                layer.lora_magnitude_vector[f"a{number}"].weight.data = each


def opened(folder: Path, solver: str = "euler") -> tuple[Any, Any, Any]:
    """A pipeline, and the sampler and levels that do as it does."""
    pipeline: Any = StableDiffusionPipeline.from_pretrained(folder)
    scheduler, changes, sampler, levels = SAMPLERS[solver]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    return pipeline, sampler, Discrete(**levels).levels(STEPS)


@pytest.mark.parametrize(
    ("solver", "loud"),
    [("ddim", [1.0]), ("euler", [0.3]), ("euler", [-0.6]), ("ddim", [0.8, 0.5, -0.7])],
)
def test_a_dora_is_sampled_as_stable_diffusion_pipeline_does(
    tmp_path: Path, solver: str, loud: list[float]
) -> None:
    """Beside another, and beside a LoRA: each finds what the last has left."""
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline, sampler, levels = opened(folder, solver)
    networks = {part: getattr(pipeline, part) for part in ALL}
    files = {
        loras.peft(
            tmp_path / f"{number}.safetensors",
            networks,
            number,
            wanted=loras.everything if number == 0 else loras.attention,
            alpha=3.0,
            dora=number != 1,
        ): each
        for number, each in enumerate(loud)
    }
    plain = theirs(pipeline, {}, unit_noise())
    decomposed(pipeline, files)
    found = theirs(pipeline, {}, unit_noise())
    ours = sample(steady(folder, files), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4
    assert (found - plain).abs().max() >= 1e-2
    for file in files:
        told = {key: each for key, each in load_file(file).items() if "magnitude" not in key}
        save_file(told, file)
    without = sample(steady(folder, files), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - without).abs().max() >= 1e-2


def test_a_dora_is_sampled_as_stable_diffusion_xl_pipeline_does(tmp_path: Path) -> None:
    folder = folders.stable_diffusion_xl(tmp_path / "xl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder)
    networks = {part: getattr(pipeline, part) for part in (*ALL, "text_encoder_2")}
    file = loras.peft(tmp_path / "a.safetensors", networks, 1, dora=True)
    scheduler, changes, sampler, levels = SAMPLERS["euler"]
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **changes)
    height, width = (8 * side for side in folders.XL_SIDES)
    noise = unit_noise((folders.CHANNELS, *folders.XL_SIDES))
    decomposed(pipeline, {file: 0.7})
    found = theirs(pipeline, {}, noise, height=height, width=width)
    who = steady(folder, {file: 0.7})
    ours = sample(who, SENTENCE, noise, sampler, Discrete(**levels).levels(STEPS))
    assert (ours - found).abs().max() <= 1e-4


def test_a_dora_is_sampled_as_flux_pipeline_does(tmp_path: Path) -> None:
    folder = folders.flux(tmp_path / "flux")
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    networks = {part: getattr(pipeline, part) for part in ("transformer", "text_encoder")}
    file = loras.peft(tmp_path / "a.safetensors", networks, 1, dora=True)
    decomposed(pipeline, {file: 0.7})
    found = flux.run(pipeline, SENTENCE)
    levels = Flow(shift=math.exp(flux.MU), ending="even").levels(STEPS)
    ours = sample(steady(folder, {file: 0.7}), SENTENCE, flux.unit_noise(), Euler(), levels)
    assert (ours - found).abs().max() <= 1e-4


def merged(networks: Mapping[str, Any], file: Path, loud: float, axis: int) -> None:
    """Weights become m/‖W + c·ΔW‖·(W + c·ΔW), in plain torch."""
    stored = load_file(file)
    for part, network in networks.items():
        for name, layer in network.named_modules():
            flat = name if part == "unet" or name.startswith("text_") else f"text_model.{name}"
            key = f"{loras.KOHYA[part]}_{flat.replace('.', '_')}"
            if f"{key}.dora_scale" in stored:
                up, down = (
                    stored[f"{key}.lora_{each}.weight"].flatten(1) for each in ("up", "down")
                )
                weight = layer.weight.data
                alpha = float(stored[f"{key}.alpha"]) / len(down)
                weight += loud * alpha * (up @ down).reshape(weight.shape)
                others = [each for each in range(weight.ndim) if each != axis]
                weight *= stored[f"{key}.dora_scale"] / torch.linalg.vector_norm(
                    weight, dim=others, keepdim=True
                )


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("loud", [1.0, 0.4, -0.7])
def test_a_dora_of_lyco_is_what_its_weights_say(tmp_path: Path, loud: float, axis: int) -> None:
    """Kernels too; some trainers tell the lengths of columns."""
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline, sampler, levels = opened(folder)
    networks = {part: getattr(pipeline, part) for part in ALL}
    file = loras.kohya(tmp_path / "a.safetensors", networks, 1, wanted=loras.everything, axis=axis)
    with torch.no_grad():
        merged(networks, file, loud, axis)
    found = theirs(pipeline, {}, unit_noise())
    ours = sample(steady(folder, {file: loud}), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_every_sample_has_a_weight_of_its_own_and_zero_is_the_base(
    tmp_path: Path, axis: int
) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file = loras.kohya(
        tmp_path / "a.safetensors", who.networks(), 1, wanted=loras.everything, axis=axis
    )
    tuned = Tuned(who, {"a": deltas_of(read_lora("a", file), "sd", who)})
    x, level = torch.cat([unit_noise()] * 3), NoiseLevel.from_noise(0.6)
    asked = [who.encode(SENTENCE)] * 3
    sweep = torch.tensor([0.0, 0.5, -1.0])
    together = answer(tuned, x, level, asked, {"a": sweep})
    apart = [answer(tuned, x[:1], level, asked[:1], {"a": float(loud)}) for loud in sweep]
    assert torch.allclose(together, torch.cat(apart), atol=1e-5)
    assert torch.equal(apart[0], who.denoise(x[:1], level, asked[:1]))
    assert torch.allclose(together[:1], apart[0], atol=1e-6)
    assert (apart[1] - apart[0]).abs().max() > 1e-2


def test_a_dora_of_flux_in_original_names_is_cut(tmp_path: Path) -> None:
    """Rows of q, k and v have lengths of their own; columns of all three have none of theirs."""
    who: Any = expert(folders.flux(tmp_path / "flux"))
    networks = {"transformer": who.networks()["transformer"]}
    file = loras.bfl(tmp_path / "a.safetensors", networks, 1, "dotted")
    stored = load_file(file)
    told: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(2)
    for key, up in stored.items():
        if key.endswith("lora_up.weight"):
            lengths = 1.0 + torch.rand(len(up), 1, generator=generator)
            told[key.replace("lora_up.weight", "dora_scale")] = lengths
    save_file({**stored, **told}, file)
    deltas = deltas_of(read_lora("a", file), "flux", who)["transformer"]
    whole = told["diffusion_model.double_blocks.0.img_attn.qkv.dora_scale"].flatten()
    for number, name in enumerate(("to_q", "to_k", "to_v")):
        own: Any = deltas[f"transformer_blocks.0.attn.{name}"].lengths
        assert torch.equal(own.told, whole[16 * number : 16 * number + 16])
    turned: Any = deltas["norm_out.linear"].lengths
    last = told["diffusion_model.final_layer.adaLN_modulation.1.dora_scale"].flatten()
    assert torch.equal(turned.told, torch.cat([last[16:], last[:16]]))
    columns = {key: torch.ones(1, 16) for key in told if "qkv" in key}
    save_file({**stored, **columns}, file)
    with pytest.raises(ChoraleError, match=r"M057 .* columns of \S+qkv, which is 3 layers in 'fl"):
        deltas_of(read_lora("a", file), "flux", who)


def test_lengths_that_no_axis_has_are_refused(tmp_path: Path) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file = loras.kohya(tmp_path / "a.safetensors", who.networks(), 1, axis=0)
    stored = load_file(file)
    key = next(each for each in stored if each.endswith("dora_scale"))
    for shape in ((3, 1), (1, 3), (1,), (1, 8, 8)):
        save_file({**stored, key: torch.ones(shape)}, file)
        with pytest.raises(ChoraleError, match=r"M040 .* of 8×8, expected 8×8 and scale of "):
            deltas_of(read_lora("a", file), "sd", who)


def test_what_is_decomposed_without_a_change_is_half(tmp_path: Path) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file = loras.kohya(tmp_path / "a.safetensors", who.networks(), 1, axis=0)
    stored = load_file(file)
    save_file({key: each for key, each in stored.items() if "lora_" not in key[9:]}, file)
    with pytest.raises(ChoraleError, match="M043 'a' is a file with half of the layer"):
        read_lora("a", file)


def test_half_precision_changes_little(tmp_path: Path) -> None:
    """Lengths are measured in single precision beside a network of half."""
    folder = folders.stable_diffusion(tmp_path / "sd")
    full: Any = expert(folder)
    file = loras.kohya(tmp_path / "a.safetensors", {"unet": full.networks()["unet"]}, 1, axis=0)
    half: Any = expert(folder, Machine(torch.device("cpu"), torch.bfloat16))
    level = NoiseLevel.from_noise(0.6)
    found = []
    for who in (full, half):
        tuned = Tuned(who, {"a": deltas_of(read_lora("a", file), "sd", who)})
        asked = [who.encode(SENTENCE)]
        found.append(answer(tuned, unit_noise(), level, asked, {"a": 0.7}))
    plain = full.denoise(unit_noise(), level, [full.encode(SENTENCE)])
    assert (found[0] - found[1]).abs().mean() < 0.3 * (found[0] - plain).abs().mean()
