"""Modulators as UNets: opened from folders of any content, and told maps by their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from graph.checkpoints import load_modulator
from graph.errors import ChoraleError
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine
from graph.modulators.unet import WEIGHTS, UNet, untrained
from graph.palettes import MaskClass
from tests.graph.modules import module, network, painted, write_modulator
from tests.graph.pieces import SHAPE

CPU = Machine(torch.device("cpu"), torch.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_modulator(tmp_path / "models" / "maps")


def opened(folder: Path) -> UNet:
    library = Library(folder.parent, folder.parent.parent / "assets")
    found = load_modulator(library.companion(folder.name), CPU)
    assert isinstance(found, UNet)
    return found


def refusal(folder: Path) -> str:
    with pytest.raises(ChoraleError) as caught:
        opened(folder)
    return str(caught.value)


def test_a_folder_is_opened_as_it_was_written(folder: Path) -> None:
    made, stored = network(SHAPE, ("mask", "sketch"), seed=1).state_dict(), opened(folder).network
    for name, value in stored.state_dict().items():
        assert torch.equal(value, made[name]), name
        assert not value.requires_grad
    assert not stored.training


def test_weights_stored_as_halves_load_as_the_machine_has_them(folder: Path) -> None:
    halves = {name: part.half() for name, part in load_file(folder / WEIGHTS).items()}
    save_file(halves, folder / WEIGHTS)
    found = opened(folder)
    x = torch.randn(2, *SHAPE)
    answer = found.change(x, x, NoiseLevel.from_noise(0.5), [found.stack({})] * 2)
    assert answer.dtype == torch.float32
    assert next(found.network.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    "change",
    [
        {"block_out_channels": [10**6, 10**6]},
        {"block_out_channels": [8] * 40},
        {"block_out_channels": []},
        {"block_out_channels": "wide"},
        {"layers_per_block": 10**9},
        {"in_channels": 5},
        {"out_channels": 2},
        {"norm_num_groups": 7},
        {"norm_num_groups": 0},
        {"attention_head_dim": None},
        {"attention_head_dim": 64},
        {"down_block_types": ["CrossAttnDownBlock2D"]},
        {"down_block_types": None},
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_is_refused(folder: Path, change: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    assert refusal(folder).startswith("M013 The files of 'maps' cannot be loaded")


@pytest.mark.parametrize(
    "change",
    [
        {"num_class_embeds": 10**12},
        {"class_embed_type": "timestep"},
        {"act_fn": "none such"},
        {"up_block_types": ["os.system"]},
        {"mid_block_type": None},
    ],
    ids=str,
)
def test_nothing_else_of_a_configuration_is_built(folder: Path, change: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    assert opened(folder).network.config.num_class_embeds is None


def test_a_state_that_cannot_be_halved_is_refused(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    shape = [card["shape"][0], 5, 4]
    (folder / "card.json").write_text(json.dumps({**card, "shape": shape}))
    assert "halves its state 1×, and 5×4 places cannot be" in refusal(folder)


def test_another_class_of_network_is_named(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_class_name": "os.system"}))
    assert "M006 'maps' is a os.system" in refusal(folder)


def test_weights_of_another_network_and_cut_weights_are_refused(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])
    assert refusal(folder).startswith("M013")
    network((2, 4, 4), ("mask",), seed=1).save_pretrained(folder / "other")
    (folder / WEIGHTS).write_bytes((folder / "other" / WEIGHTS).read_bytes())
    assert refusal(folder).startswith("M013")


def test_every_map_has_its_own_place_and_its_own_mark_of_presence() -> None:
    made = module(("mask", "sketch"))
    mask, sketch = painted("mask"), painted("sketch")
    both, only = made.stack({"sketch": sketch, "mask": mask}), made.stack({"sketch": sketch})
    assert torch.equal(both[:3], mask)
    assert torch.equal(both[3:4], sketch)
    assert not only[:3].any()
    assert torch.equal(only[3:4], sketch)
    assert only[4:, 0, 0].tolist() == [0.0, 1.0]
    assert both[4:].eq(1.0).all()
    assert not made.stack({}).any()


def test_maps_of_a_space_of_pixels_are_resized() -> None:
    made = module(("mask", "sketch"))
    seen = made.reader("sketch").encode(Image.new("RGB", (40, 40), (0, 0, 0)))
    assert tuple(seen.shape) == (1, *SHAPE[1:])
    assert torch.equal(seen, torch.ones_like(seen))
    assert made.reader("mask").canvas == (SHAPE[2], SHAPE[1])


def test_the_network_is_shown_the_picture_that_the_prediction_leaves() -> None:
    """D = alpha·x − sigma·v stands behind state and prediction, at each state's own level."""
    made, seen = module(("mask",), seed=1), list[torch.Tensor]()
    made.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x, velocity = torch.randn(2, *SHAPE), torch.randn(2, *SHAPE)
    noise = torch.tensor([0.2, 0.9])
    made.changes(x, velocity, noise, torch.stack([made.stack({})] * 2))
    channels = SHAPE[0]
    for row, level in enumerate(map(NoiseLevel.from_noise, noise.tolist())):
        expected = level.alpha * x[row] - level.sigma * velocity[row]
        shown = seen[0][row]
        assert torch.equal(shown[:channels], x[row])
        assert torch.equal(shown[channels : 2 * channels], velocity[row])
        assert torch.allclose(shown[2 * channels : 3 * channels], expected, atol=1e-6)


def test_the_published_size_has_less_than_four_million_parameters_and_changes_nothing() -> None:
    shape = (12, 16, 16)
    palette = [MaskClass(name=str(i), colour=(i, i, i)) for i in range(21)]
    made = untrained(shape, ("mask", "sketch"), 8, palette)
    count = sum(part.numel() for part in made.parameters())
    assert 3_000_000 < count < 4_000_000
    with torch.inference_mode():
        answer = made.eval()(torch.randn(1, made.config.in_channels, 16, 16), 500.0).sample
    assert not answer.any()
