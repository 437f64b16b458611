"""Guidance experts: an adapter for each range of noise, and folders that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.checkpoints import load_likelihood
from graph.companions import guidance_card, open_companion
from graph.errors import ChoraleError
from graph.interfaces import Likelihood
from graph.levels import CLEAN, PURE_NOISE, NoiseLevel
from graph.low_rank import adapted
from graph.machine import Machine
from tests.graph.classifiers import network, teach, write_classifier

CPU = Machine(torch.device("cpu"), torch.float32)
LEVELS = {0: PURE_NOISE, 1: NoiseLevel.from_log_snr(0.5), 2: CLEAN}
KINDS = ("resnet", "vit", "segformer", "dpt")


def loaded(folder: Path) -> Likelihood:
    return load_likelihood(open_companion(folder.name, folder), CPU)


def pictures() -> torch.Tensor:
    rows = np.random.default_rng(2).integers(0, 256, (2, 3, 32, 32))
    return torch.from_numpy(rows).float() / 127.5 - 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_each_level_is_looked_at_with_the_adapter_of_its_range(kind: str, tmp_path: Path) -> None:
    """Held against the stock network with the sums written into its weights."""
    folder = write_classifier(tmp_path / kind, kind)
    plain = loaded(folder)
    adapters = teach(folder)
    likelihood, shown = loaded(folder), pictures()
    stock: Any = network(kind)
    own = dict(stock.named_parameters())
    with torch.no_grad():
        answers = {n: likelihood.read(shown, level) for n, level in LEVELS.items()}
        for number, found in answers.items():
            changed = adapted(own, adapters[number])
            again = loaded(folder)
            again.onlooker.adapted = None  # pyright: ignore[reportAttributeAccessIssue]
            again.onlooker.network.load_state_dict(changed, strict=False)  # pyright: ignore[reportAttributeAccessIssue]
            assert torch.allclose(found, again.read(shown), atol=1e-5)
            assert not torch.allclose(found, plain.read(shown), atol=1e-3)
    assert not torch.allclose(answers[0], answers[1], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_has_learned_nothing_says_what_its_model_says(kind: str, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / kind, kind)
    plain = loaded(folder).read(pictures())
    teach(folder, loud=0.0)
    for level in LEVELS.values():
        assert torch.equal(loaded(folder).read(pictures(), level), plain)


def test_what_it_was_taught_is_read_without_torch_and_a_plain_model_has_none(
    tmp_path: Path,
) -> None:
    folder = write_classifier(tmp_path / "resnet")
    assert guidance_card(open_companion("resnet", folder)).ranges is None
    teach(folder, (-6.0, -2.0, 2.0, 6.0), sees="estimate")
    ranges = guidance_card(open_companion("resnet", folder)).ranges
    assert ranges is not None
    assert (ranges.edges, ranges.sees) == ((-6.0, -2.0, 2.0, 6.0), "estimate")


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ({"edges": [2.0, -2.0]}, "ranges.edges"),
        ({"edges": [0.0, 0.0]}, "ranges.edges"),
        ({"edges": [1e9]}, "ranges.edges.0"),
        ({"edges": list(range(16))}, "ranges.edges"),
        ({"rank": 0}, "ranges.rank"),
        ({"sees": "the future"}, "ranges.sees"),
        ({"space_id": None}, "ranges.space_id"),
    ],
)
def test_a_wrong_card_is_refused(ranges: dict[str, Any], named: str, tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "resnet")
    teach(folder, **{key: value for key, value in ranges.items() if key != "edges"})
    card = json.loads((folder / "card.json").read_text())
    card["ranges"] |= ranges
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ChoraleError, match=f"M030 .*'{named}'"):
        open_companion("resnet", folder)


def test_adapters_that_are_missing_or_of_another_network_are_refused(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "resnet")
    teach(folder)
    path = folder / "adapters.safetensors"
    whole = load_file(path)
    first = min(whole)
    for broken in (
        {name: part for name, part in whole.items() if name != first},
        whole | {first: whole[first][:1].contiguous()},
        whole | {"3.more.shift": torch.zeros(2)},
        whole | {first: whole[first] * float("nan")},
    ):
        save_file(broken, path)
        with pytest.raises(ChoraleError, match=r"M013 .*adapters\.safetensors"):
            loaded(folder)
    path.write_bytes(b"no tensors")
    with pytest.raises(ChoraleError, match="M013"):
        loaded(folder)
    path.unlink()
    with pytest.raises(ChoraleError, match=r"M030 .*no adapters\.safetensors"):
        open_companion("resnet", folder)
