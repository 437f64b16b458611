"""LoHa, LoKr and full differences: experts answer as with weights that hold them, at any fader."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.lora import read_lora
from graph.twins import Tuned, deltas_of
from tests.graph.experts import folders, loras, lycoris
from tests.graph.experts.alone import expert, sample
from tests.graph.experts.test_dora import opened
from tests.graph.experts.test_lora import ALL, answer, places, steady, theirs
from tests.graph.experts.test_stable_diffusion import SENTENCE, unit_noise

pytestmark = [
    pytest.mark.filterwarnings("ignore:Already found a .peft_config. attribute:UserWarning:peft"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers"),
]
WRITTEN = {
    "loha": {"w1_a", "w1_b", "w2_a", "w2_b"},
    "loha with cores": {"w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2"},
    "lokr": {"w1", "w2_a", "w2_b"},
    "lokr with cores": {"w1", "w2_a", "w2_b", "t2"},
    "lokr of thin factors": {"w1_a", "w1_b", "w2_a", "w2_b"},
    "lokr of whole factors": {"w1", "w2"},
}
"""The factors of some layers of every form."""


def networks_of(pipeline: Any) -> dict[str, Any]:
    return {part: getattr(pipeline, part) for part in ALL}


@pytest.mark.parametrize(
    ("form", "solver", "loud"),
    [
        (form, solver, loud)
        for form, (solver, loud) in zip(
            WRITTEN, [("ddim", 1.0), ("euler", 0.6), ("euler", -0.4)] * 2, strict=True
        )
    ],
)
def test_what_lycoris_writes_is_sampled_as_peft_has_it(
    tmp_path: Path, form: str, solver: str, loud: float
) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline, sampler, levels = opened(folder, solver)
    plain = theirs(pipeline, {}, unit_noise())
    lycoris.changed(networks_of(pipeline), form, 1, loud)
    file = lycoris.written(tmp_path / "a.safetensors", networks_of(pipeline), form)
    lora = read_lora("a", file)
    assert lora.kinds == ("LoHa" if form.startswith("loha") else "LoKr",)
    assert any(WRITTEN[form] == each.factors for each in lora.parts["unet"].values())
    found = theirs(pipeline, {}, unit_noise())
    ours = sample(steady(folder, {file: loud}), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4 * max(1.0, float(found.abs().max()))
    assert (found - plain).abs().max() >= 1e-2


@pytest.mark.parametrize("form", WRITTEN)
def test_every_weight_is_what_peft_makes_of_it(tmp_path: Path, form: str) -> None:
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    own = {part: copy.deepcopy(each) for part, each in who.networks().items()}
    lycoris.changed(own, form, 1)
    file = lycoris.written(tmp_path / "a.safetensors", own, form)
    for part, layers in deltas_of(read_lora("a", file), "sd", who).items():
        for name, delta in layers.items():
            layer = own[part].get_submodule(name)
            expected = layer.get_delta_weight("default")
            made = delta.scale * delta.weight(expected.shape)
            assert torch.allclose(made, expected, atol=1e-6), name


def test_a_layer_in_closed_form(tmp_path: Path) -> None:
    """By the definitions: Hadamard's product of two, Kronecker's with its blocks, a core between.

    LoKr of two whole factors is scaled by nothing, whatever alpha says.
    """
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    generator = torch.Generator().manual_seed(3)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    head, kernel = (
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_",
        "lora_unet_",
    )
    loha = {"hada_w1_a": some(8, 2), "hada_w1_b": some(2, 8), "hada_w2_a": some(8, 2)}
    loha |= {"hada_w2_b": some(2, 8), "alpha": torch.tensor(5.0)}
    lokr = {"lokr_w1": some(2, 4), "lokr_w2": some(4, 2), "alpha": torch.tensor(5.0)}
    thin = {"lokr_w1_a": some(4, 3), "lokr_w1_b": some(3, 2), "lokr_w2": some(2, 4, 3, 3)}
    thin |= {"alpha": torch.tensor(6.0)}
    mid = {"lora_down.weight": some(2, 8, 1, 1), "lora_mid.weight": some(2, 2, 3, 3)}
    mid |= {"lora_up.weight": some(8, 2, 1, 1), "alpha": torch.tensor(1.0)}
    block = f"{kernel}down_blocks_0_resnets_0_"
    layers = {f"{head}q": loha, f"{head}k": lokr, f"{block}conv1": thin, f"{block}conv2": mid}
    file = tmp_path / "a.safetensors"
    save_file({f"{a}.{b}": each for a, own in layers.items() for b, each in own.items()}, file)
    found = deltas_of(read_lora("a", file), "sd", who)["unet"]
    expected = {
        "attn1.to_q": 2.5
        * (loha["hada_w1_a"] @ loha["hada_w1_b"])
        * (loha["hada_w2_a"] @ loha["hada_w2_b"]),
        "attn1.to_k": torch.cat(
            [torch.cat([each * lokr["lokr_w2"] for each in row], 1) for row in lokr["lokr_w1"]]
        ),
        "0.conv1": 2.0
        * torch.einsum(
            "ac,bdhw->abcdhw", thin["lokr_w1_a"] @ thin["lokr_w1_b"], thin["lokr_w2"]
        ).reshape(8, 8, 3, 3),
        "0.conv2": 0.5
        * torch.einsum(
            "ou,uvhw,vi->oihw",
            mid["lora_up.weight"].flatten(1),
            mid["lora_mid.weight"],
            mid["lora_down.weight"].flatten(1),
        ),
    }
    assert len(found) == len(expected)
    for ending, weight in expected.items():
        (delta,) = (each for name, each in found.items() if name.endswith(ending))
        assert torch.allclose(delta.scale * delta.weight(weight.shape), weight, atol=1e-5), ending


@pytest.mark.parametrize("loud", [1.0, -0.5])
def test_full_differences_are_added_to_weights_and_biases(tmp_path: Path, loud: float) -> None:
    """Beside a LoRA that has a difference of biases too."""
    folder = folders.stable_diffusion(tmp_path / "sd")
    pipeline, sampler, levels = opened(folder)
    networks = networks_of(pipeline)
    unet: Any = pipeline.unet
    more = {"lora_unet_conv_in.diff_b": torch.full((8,), 0.3)}
    files = {
        lycoris.differences(tmp_path / "a.safetensors", networks, 1): loud,
        loras.kohya(
            tmp_path / "b.safetensors",
            {"unet": unet},
            2,
            wanted=lambda name: name == "conv_in",
            changes=more,
        ): 0.8,
    }
    assert [read_lora("", file).kinds for file in files] == [("full difference",), ("LoRA",)]
    with torch.no_grad():
        for part, network in networks.items():
            stored = load_file(tmp_path / "a.safetensors")
            for name in loras._layers(network):
                layer = network.get_submodule(name)
                own = "" if part == "unet" or name.startswith("text_") else "text_model."
                key = f"{loras.KOHYA[part]}_{(own + name).replace('.', '_')}"
                layer.weight += loud * stored[f"{key}.diff"]
                if f"{key}.diff_b" in stored:
                    layer.bias += loud * stored[f"{key}.diff_b"]
        stored = load_file(tmp_path / "b.safetensors")
        down, up = (stored[f"lora_unet_conv_in.lora_{each}.weight"] for each in ("down", "up"))
        unet.conv_in.weight += 0.8 * (up.flatten(1) @ down.flatten(1)).reshape(8, 4, 3, 3)
        unet.conv_in.bias += 0.8 * 0.3
    found = theirs(pipeline, {}, unit_noise())
    ours = sample(steady(folder, files), SENTENCE, unit_noise(), sampler, levels)
    assert (ours - found).abs().max() <= 1e-4


def test_a_lokr_that_is_a_dora_is_what_its_weights_say(tmp_path: Path) -> None:
    """LyCORIS decomposes any kind: m/‖W + c·ΔW‖·(W + c·ΔW), here by columns."""
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    own = {"unet": copy.deepcopy(who.networks()["unet"])}
    lycoris.changed(own, "lokr with cores", 1)
    file = lycoris.written(tmp_path / "a.safetensors", own, "lokr with cores")
    stored, told = load_file(file), {}
    merged = copy.deepcopy(who)
    for name in loras._layers(merged.networks()["unet"]):
        layer: Any = merged.networks()["unet"].get_submodule(name)
        scale = 2.0 * loras.lengths(who.networks()["unet"], name, 1, 1)
        told[f"lora_unet_{name.replace('.', '_')}.dora_scale"] = scale
        weight = layer.weight.data
        weight += 0.7 * own["unet"].get_submodule(name).get_delta_weight("default").detach()
        others = [each for each in range(weight.ndim) if each != 1]
        weight *= scale / torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    save_file({**stored, **told}, file)
    lora = read_lora("a", file)
    assert lora.kinds == ("LoKr as DoRA",)
    tuned = Tuned(who, {"a": deltas_of(lora, "sd", who)})
    asked, level = [who.encode(SENTENCE)], NoiseLevel.from_noise(0.6)
    ours = answer(tuned, unit_noise(), level, asked, {"a": 0.7})
    expected = merged.denoise(unit_noise(), level, asked)
    assert (ours - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize("form", ["loha with cores", "lokr"])
def test_they_weigh_no_more_than_their_files_and_the_base_stays(tmp_path: Path, form: str) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    file = lycoris.file_of(tmp_path / "a.safetensors", folder, form, 1)
    who: Any = expert(folder)
    x, level, asked = unit_noise(), NoiseLevel.from_noise(0.6), [who.encode(SENTENCE)]
    before, base = who.denoise(x, level, asked), places(who)
    tuned = Tuned(who, {"a": deltas_of(read_lora("a", file), "sd", who)})
    assert (answer(tuned, x, level, asked, {"a": 1.0}) - before).abs().max() > 1e-2
    together = base | places(tuned._twin)
    stored = sum(each.nbytes for key, each in load_file(file).items() if ".alpha" not in key)
    assert sum(together.values()) - sum(base.values()) == pytest.approx(stored, rel=0.05)
    assert torch.equal(who.denoise(x, level, asked), before)
    assert torch.equal(answer(tuned, x, level, asked, {"a": 0.0}), before)


KEY = "lora_unet_conv_in."
FACTORS: dict[str, dict[str, tuple[int, ...]]] = {
    "loha": {"hada_w1_a": (8, 2), "hada_w1_b": (2, 36), "hada_w2_a": (8, 2), "hada_w2_b": (2, 36)},
    "lokr": {"lokr_w1": (2, 2), "lokr_w2_a": (4, 2), "lokr_w2_b": (2, 18)},
}


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("loha", {"hada_w1_b": (3, 36)}, "M056 .* layer conv_in that cannot be made: w1_a of 8×2,"),
        ("loha", {"hada_w2_b": (2, 35)}, "M056"),
        ("loha", {"hada_w1_a": (8, 0), "hada_w1_b": (0, 36)}, "M056"),
        ("loha", {"hada_t1": (2, 2, 3, 3)}, "M043 'a' is a file with half of the layer conv_in"),
        ("loha", {"hada_w2_b": None}, "M043 'a' is a file with half of the layer conv_in"),
        ("loha", {"alpha": (2,)}, "M056"),
        ("loha", {"lokr_w1": (2, 2)}, "M043 'a' is a file with two changes of the layer conv_in"),
        ("loha", {"hada_w1_b": (2, 32), "hada_w2_b": (2, 32)}, "M040 .* 8×4×3×3, expected 8×32"),
        ("lokr", {"lokr_w1": (2, 2, 2)}, "M056"),
        ("lokr", {"lokr_w1": (60000, 60000)}, "M040 .*of 8×4×3×3, expected 240000×1080000"),
        ("lokr", {"lokr_w2": (4, 2, 3, 3)}, "M043 .* half of"),
        ("lokr", {"lokr_t2": (2, 3, 3, 3)}, "M056"),
        ("lokr", {"lokr_w2_a": (2, 4), "lokr_w2_b": (2, 2), "lokr_t2": (3, 2, 3, 3)}, "M056"),
        ("lokr", {"diff_b": (7,)}, "M040 .*of 8×4×3×3, expected 8×36 and bias of 7"),
    ],
)
def test_what_does_not_go_together_is_refused_by_the_header(
    tmp_path: Path, kind: str, changes: dict[str, Any], said: str
) -> None:
    """Before anything of what they claim is made: here in part only claimed, by holes in a file."""
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    sizes = {**FACTORS[kind], **changes}
    file = tmp_path / "a.safetensors"
    hollow(file, {KEY + role: size for role, size in sizes.items() if size is not None})
    with pytest.raises(ChoraleError, match=said):
        deltas_of(read_lora("a", file), "sd", who)
    sizes = FACTORS[kind]
    hollow(file, {KEY + role: size for role, size in sizes.items()})
    assert deltas_of(read_lora("a", file), "sd", who)["unet"].keys() == {"conv_in"}


def hollow(file: Path, sizes: dict[str, tuple[int, ...]]) -> None:
    """A file of zeros that takes no room on the disk."""
    import json
    import math

    entries: dict[str, Any] = {}
    end = 0
    for key, size in sizes.items():
        start, end = end, end + 2 * math.prod(size)
        entries[key] = {"dtype": "F16", "shape": list(size), "data_offsets": [start, end]}
    head = json.dumps(entries).encode()
    with file.open("wb") as stream:
        stream.write(len(head).to_bytes(8, "little") + head)
        stream.truncate(8 + len(head) + end)


@pytest.mark.parametrize("prefix", ["lora_unet_", "lycoris_", "unet."])
def test_layers_may_be_called_in_other_ways(tmp_path: Path, prefix: str) -> None:
    """Trainers that use LyCORIS by itself put their own word before the layers' names."""
    who: Any = expert(folders.stable_diffusion(tmp_path / "sd"))
    file, name = tmp_path / "a.safetensors", "mid_block.resnets.0.conv1"
    layer = name if prefix.endswith(".") else name.replace(".", "_")
    weights = {"lokr_w1": torch.ones(2, 2), "lokr_w2": torch.ones(8, 8, 3, 3)}
    save_file({f"{prefix}{layer}.{role}": each for role, each in weights.items()}, file)
    assert deltas_of(read_lora("a", file), "sd", who)["unet"].keys() == {name}


def test_a_lokr_of_flux_in_original_names_is_cut(tmp_path: Path) -> None:
    """The rows of q, k and v are those of the whole product."""
    who: Any = expert(folders.flux(tmp_path / "flux"))
    file, key = tmp_path / "a.safetensors", "diffusion_model.double_blocks.0.img_attn.qkv"
    generator = torch.Generator().manual_seed(1)
    first, second = (torch.randn(size, generator=generator) for size in ((6, 4), (8, 4)))
    full = torch.randn(48, 16, generator=generator)
    other = "diffusion_model.double_blocks.0.txt_attn.qkv.diff"
    save_file({f"{key}.lokr_w1": first, f"{key}.lokr_w2": second, other: full}, file)
    found = deltas_of(read_lora("a", file), "flux", who)["transformer"]
    whole = torch.kron(first, second)
    for number, name in enumerate("qkv"):
        cut = slice(16 * number, 16 * number + 16)
        own = found[f"transformer_blocks.0.attn.to_{name}"]
        assert torch.equal(own.weight(torch.Size((16, 16))), whole[cut])
        added = found[f"transformer_blocks.0.attn.add_{name}_proj"]
        assert torch.equal(added.weight(torch.Size((16, 16))), full[cut])
