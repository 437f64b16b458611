"""Memory: what networks take is foretold, and what was used longest ago goes first."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import pytest
import torch
from torch import nn

from graph.clip import Clip
from graph.codec import Codec
from graph.compile import compile_workflow
from graph.errors import ChoraleError
from graph.events import Event, Failure, Progress, Result
from graph.footprint import Part, amount, parts_of, shown, total
from graph.library import Library
from graph.machine import Machine, Placement, usual_memory
from graph.plan import Plan
from graph.runtime import Runtime
from nodes import catalogue
from tests.graph.classifiers import write_classifier
from tests.graph.documents import document
from tests.graph.experts import folders
from tests.graph.faked_device import SECOND, TwoDevices

CPU = Machine(torch.device("cpu"), torch.float32)
STEPS = 2


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Three text experts of one latent space, and one of another."""
    models = tmp_path / "models"
    folders.stable_diffusion(models / "a", seed=3)
    folders.stable_diffusion(models / "b", seed=4)
    folders.stable_diffusion(models / "c", seed=5)
    folders.flux(models / "other")
    return Library(models, tmp_path / "assets")


def plan_of(library: Library, *names: str) -> Plan:
    """One sentence for these experts, fused."""
    nodes: Any = {
        "text": ("text", {"text": "a red boat"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"seed": 3, "steps": STEPS, "method": {"name": "ddim"}}),
        "picture": ("picture", {}),
    }
    wires = ["fuse.score > picture.score", "sampler.sampling > picture.sampling"]
    for name in names:
        nodes[f"of_{name}"] = ("text_expert", {"model": name})
        wires += [f"text.text > of_{name}.text", f"of_{name}.score > fuse.scores"]
    compiled = compile_workflow(document(nodes, tuple(wires)), catalogue(), library)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def size(library: Library, *names: str) -> int:
    """Bytes of these experts together, in single precision."""
    return total(part for name in names for part in parts_of(library.model(name), "float32"))


def kept(runtime: Runtime) -> list[str]:
    """What is in memory, used longest ago first."""
    return list(runtime._loaded)


def played(events: Iterator[Event]) -> bytes:
    """The picture that a run ends with."""
    last = list(events)[-1]
    assert isinstance(last, Result), last
    return last.pictures[0].tobytes()


def refusal(events: Iterator[Event]) -> str:
    (only,) = events
    assert isinstance(only, Failure), only
    return str(only.diagnostics[0])


def tensors_in(held: Any) -> dict[int, torch.Tensor]:
    """The parameters of every network that an object holds, however deep, each once."""
    if isinstance(held, nn.Module):
        return {id(each): each for each in held.state_dict(keep_vars=True).values()}
    parts = held if isinstance(held, list | tuple) else vars(held).values()
    inner = [each for each in parts if isinstance(each, nn.Module | list | tuple | Codec | Clip)]
    return {number: each for part in inner for number, each in tensors_in(part).items()}


def size_in(held: Any) -> int:
    return sum(each.numel() * each.element_size() for each in tensors_in(held).values())


@pytest.mark.parametrize(
    ("make", "precision"),
    [
        (folders.stable_diffusion, torch.float32),
        (folders.stable_diffusion, torch.float16),
        (folders.stable_diffusion_xl, torch.float16),
        (folders.pixart, torch.float32),
        (folders.pixart, torch.bfloat16),
        (folders.flux, torch.bfloat16),
        (folders.pixels, torch.float16),
    ],
)
def test_what_a_model_takes_is_told_from_its_headers(
    tmp_path: Path, make: Callable[[Path], Path], precision: torch.dtype
) -> None:
    make(tmp_path / "models" / "own")
    library = Library(tmp_path / "models", tmp_path / "assets")
    parts = parts_of(library.model("own"), str(precision).removeprefix("torch."))
    _, expert = Runtime(library, Machine(torch.device("cpu"), precision)).expert("own")
    assert size_in(expert) == total(parts)
    assert size_in(expert.codec or ()) == total(parts[1:])


def test_what_a_classifier_takes_is_told_from_its_header(tmp_path: Path) -> None:
    write_classifier(tmp_path / "models" / "c")
    library = Library(tmp_path / "models", tmp_path / "assets")
    network = Runtime(library, CPU).likelihood("c").onlooker.network
    (part,) = parts_of(library.companion("c"), "float32")
    floats = [each for each in network.state_dict().values() if each.is_floating_point()]
    assert 0 <= part.size - 4 * sum(each.numel() for each in floats) <= 8 * 64


def test_an_autoencoder_that_is_shared_counts_once(library: Library) -> None:
    (first, shared), (second, again) = (
        parts_of(library.model(name), "float32") for name in ("a", "b")
    )
    assert shared == again
    assert size(library, "a", "b") == first.size + second.size + shared.size
    assert parts_of(library.model("other"), "float32")[1].key != shared.key


def test_what_was_used_longest_ago_goes_first(library: Library) -> None:
    runtime = Runtime(library, CPU, size(library, "a", "b"))
    for name in ("a", "b", "a"):
        played(runtime.run(plan_of(library, name)))
    assert kept(runtime) == ["b", "a"]
    played(runtime.run(plan_of(library, "c")))
    assert kept(runtime) == ["a", "c"]
    played(runtime.run(plan_of(library, "b", "c")))
    assert sorted(kept(runtime)) == ["b", "c"]


def test_only_as_much_goes_as_must(library: Library) -> None:
    runtime = Runtime(library, CPU, size(library, "a", "b", "c"))
    for name in "abc":
        played(runtime.run(plan_of(library, name)))
    assert kept(runtime) == ["a", "b", "c"]
    played(runtime.run(plan_of(library, "b")))
    assert kept(runtime) == ["a", "c", "b"]


def test_what_goes_is_freed_with_what_was_encoded_for_it_and_comes_back_the_same(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    # another test's expert of the same space would keep the autoencoder
    monkeypatch.setattr("graph.codec._CODECS", WeakValueDictionary())
    runtime = Runtime(library, CPU, max(size(library, "a"), size(library, "other")))
    before = played(runtime.run(plan_of(library, "a")))
    expert = runtime.expert("a")[1]
    dead = [weakref.ref(each) for each in (expert, expert._unet, expert.codec)]
    encoded = [weakref.ref(value) for each in runtime._encoded.values() for value in each.values]
    assert encoded
    del expert
    played(runtime.run(plan_of(library, "other")))
    assert kept(runtime) == ["other"]
    assert [each() for each in (*dead, *encoded)] == [None] * len(dead + encoded)
    assert not [key for key in runtime._encoded if key.startswith("a|")]
    assert played(runtime.run(plan_of(library, "a"))) == before
    assert kept(runtime) == ["a"]


def test_an_autoencoder_stays_as_long_as_an_expert_has_it(library: Library) -> None:
    runtime = Runtime(library, CPU, size(library, "a", "b"))
    codec = weakref.ref(runtime.expert("a")[1].codec)
    assert runtime.expert("b")[1].codec is codec()
    runtime.expert("c")
    assert kept(runtime) == ["b", "c"]
    assert runtime.expert("c")[1].codec is codec()


def test_what_cannot_fit_is_said_with_its_numbers_before_anything_is_loaded(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = size(library, "a", "b") - 1
    runtime = Runtime(library, CPU, most)
    played(runtime.run(plan_of(library, "c")))
    monkeypatch.setattr("graph.runtime.load_expert", None)
    found = refusal(runtime.run(plan_of(library, "a", "b")))
    (first, shared), (second, _) = (parts_of(library.model(name), "float32") for name in "ab")
    assert found.startswith(
        f"R012 The networks of this run take {shown(most + 1)}, and {shown(most)} may be taken: "
        f"a {shown(first.size)}, the autoencoder of latent {shown(shared.size)}, "
        f"b {shown(second.size)}. Use fewer or smaller models"
    )
    assert kept(runtime) == ["c"]
    with pytest.raises(ChoraleError, match="R012"):
        runtime.prepare(plan_of(library, "a", "b"))


def test_what_plays_is_not_dropped(library: Library) -> None:
    runtime = Runtime(library, CPU, size(library, "a", "b"))
    playing = runtime.run(plan_of(library, "a"))
    assert isinstance(next(playing), Progress)
    for name in "bcb":
        played(runtime.run(plan_of(library, name)))
        assert kept(runtime) == ["a", name]
    found = refusal(runtime.run(plan_of(library, "b", "c")))
    assert found.startswith("R012 The networks of this run take ")
    assert f" beside the {shown(parts_of(library.model('a'), 'float32')[0].size)} of other" in found
    assert found.endswith("Wait until the other runs have ended.")
    list(playing)
    played(runtime.run(plan_of(library, "b", "c")))
    assert sorted(kept(runtime)) == ["b", "c"]


def test_every_device_is_bounded_by_itself(library: Library) -> None:
    (own, shared), (second, _) = (parts_of(library.model(name), "float32") for name in "ab")
    placed = Placement((("a", torch.device("cuda:1")), ("b", torch.device("cuda:1"))))
    runtime = Runtime(library, CPU, own.size, placed)
    found = refusal(runtime.run(plan_of(library, "a", "b")))
    assert found.startswith(
        f"R012 The networks of this run take {shown(own.size + second.size)}, and "
        f"{shown(own.size)} may be taken on cuda:1: a {shown(own.size)}, b {shown(second.size)}."
    )
    assert kept(runtime) == []
    assert total(runtime._parts_of(library.model("a"), CPU)) == own.size + shared.size


def test_what_goes_makes_room_on_its_own_device(library: Library) -> None:
    with TwoDevices():
        placed = Placement((("a", SECOND), ("b", SECOND)))
        runtime = Runtime(library, CPU, size(library, "c"), placed)
        for name in ("c", "a", "b"):
            played(runtime.run(plan_of(library, name)))
        assert kept(runtime) == ["c", "b"]


def test_a_run_that_is_given_up_holds_nothing(library: Library) -> None:
    runtime = Runtime(library, CPU, size(library, "a", "b"))
    playing: Any = runtime.run(plan_of(library, "a"))
    next(playing)
    playing.close()
    played(runtime.run(plan_of(library, "b", "c")))
    assert sorted(kept(runtime)) == ["b", "c"]


def test_a_bounded_run_paints_what_an_unbounded_one_paints(library: Library) -> None:
    plan = plan_of(library, "a", "c")
    free = played(Runtime(library, CPU).run(plan))
    assert played(Runtime(library, CPU, size(library, "a", "c")).run(plan)) == free


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12G", 12 * 2**30),
        (" 1.5 gib ", 3 * 2**29),
        ("800MB", 800 * 2**20),
        ("2T", 2**41),
        ("4096", 4096),
    ],
)
def test_a_number_of_bytes_is_read(text: str, expected: int) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize("text", ["", "0", "much", "-1G", "12 P", "1e9", "G", "0.0001"])
def test_what_is_no_number_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(ChoraleError) as caught:
        amount(text)
    assert str(caught.value).startswith(f"R013 CHORALE_MEMORY got '{text}', expected how many")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (3 * 2**29, "1.5 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_bytes_are_shown_as_people_read_them(size: int, expected: str) -> None:
    assert shown(size) == expected


def test_parts_are_counted_by_what_they_are() -> None:
    assert total([Part("x", "one", 3), Part("x", "one", 3), Part("y", "two", 4)]) == 7


def test_the_cpu_has_no_bound_of_its_own() -> None:
    assert usual_memory(CPU.device) is None


def test_a_device_keeps_a_fifth_of_its_memory_for_the_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {"get_device_properties": lambda device: SimpleNamespace(total_memory=24_000)}
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(**asked))
    assert usual_memory(torch.device("cuda")) == 19_200
