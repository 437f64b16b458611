"""Experts on several devices: each runs on its own, and the picture is that of one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from graph.asking import Question, ask
from graph.errors import ChoraleError
from graph.events import Event, Failure, Result
from graph.experts.dit import DiT
from graph.experts.pixart import PixArt
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.library import Library
from graph.machine import Machine, Placement, devices
from graph.plan import Plan
from graph.runtime import Runtime
from tests.graph.adapters import making
from tests.graph.adapters.workflows import compiled
from tests.graph.documents import document
from tests.graph.experts import folders
from tests.graph.experts.alone import expert
from tests.graph.experts.test_twins import nodes, wires
from tests.graph.faked_device import SECOND, There, TwoDevices
from tests.graph.pieces import voice
from tests.graph.test_runtime import plan_of

CPU = Machine(torch.device("cpu"), torch.float32)
ELSEWHERE = Machine(SECOND, torch.float32, CPU.device)
RED = Image.new("RGB", (32, 32), "red")
EDITED = {"text": "a red boat", "photo": RED}
FAMILIES: dict[str, tuple[Callable[[Path], Path], Any]] = {
    "dit": (folders.dit, "night"),
    "dit with a picture": (
        lambda folder: folders.dit(folder, pictures=1, card={"condition": "sketch"}),
        RED,
    ),
    "pixart with pictures": (
        lambda folder: folders.pixart(
            folder,
            pictures=2,
            card={
                "condition": "text+mask+sketch",
                "palette": [{"name": "sky", "colour": [116, 176, 224]}],
            },
        ),
        {"text": "a red boat", "sketch": RED},
    ),
    "stable diffusion": (folders.stable_diffusion, "a red boat"),
    "instruct_pix2pix": (folders.instruct_pix2pix, EDITED),
    "inpaint": (folders.inpaint, {**EDITED, "region": RED}),
    "latent consistency": (folders.latent_consistency, "a red boat"),
    "stable diffusion xl": (folders.stable_diffusion_xl, "a red boat"),
    "stable diffusion 3": (folders.stable_diffusion_3, "a red boat"),
    "flux": (folders.flux, "a red boat"),
    "sana": (folders.sana, "a red boat"),
    "pixels": (folders.pixels, None),
}
CARD = {"condition": "class", "labels": ["sea at night", "sea by day"]}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A text and a class expert of one small latent space."""
    folders.pixart(tmp_path / "models" / "playground" / "text")
    folders.dit(tmp_path / "models" / "playground" / "class", card=CARD)
    return Library(tmp_path / "models", tmp_path / "assets")


@pytest.fixture
def plan(library: Library) -> Plan:
    """A sentence and a class, fused, two samples."""
    return plan_of(library, document().with_settings("sampler", steps=4))


def picture(events: Iterator[Event]) -> np.ndarray[Any, Any]:
    """The first picture of a run that ends well."""
    last = list(events)[-1]
    assert isinstance(last, Result), last
    return np.asarray(last.pictures[0]).astype(int)


def test_an_expert_elsewhere_paints_what_it_would_paint_here(
    library: Library, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[tuple[type, type]]] = {}
    for family in (PixArt, DiT):
        original = family.denoise

        def denoise(self: Any, x: Tensor, *rest: Any, original: Any = original) -> Tensor:
            answer = original(self, x, *rest)
            seen.setdefault(type(self).__name__, set()).add((type(x), type(answer)))
            return answer

        monkeypatch.setattr(family, "denoise", denoise)
    here = picture(Runtime(library, CPU).run(plan))
    seen.clear()
    with TwoDevices():
        placed = Placement((("playground/text", SECOND),))
        there = picture(Runtime(library, CPU, placement=placed).run(plan))
    assert seen == {"PixArt": {(There, There)}, "DiT": {(Tensor, Tensor)}}
    assert abs(there - here).max() <= 1


def test_a_weak_twin_runs_where_its_expert_does(library: Library) -> None:
    plan = plan_of(library, document(nodes(), wires("twin.score > fuse.background")))
    here = picture(Runtime(library, CPU).run(plan))
    with TwoDevices():
        there = picture(Runtime(library, CPU, placement=Placement((("*", SECOND),))).run(plan))
    assert abs(there - here).max() <= 1


def test_an_adapter_is_where_its_expert_is(tmp_path: Path) -> None:
    library = Library(tmp_path / "models", tmp_path / "assets")
    folders.stable_diffusion(library.folder / "base")
    making.controlnet(library.folder / "net", library.folder / "base")
    found = compiled(library, {"net": {"model": "net", "photo": making.picture()}})
    assert found.plan is not None
    here = picture(Runtime(library, CPU).run(found.plan))
    with TwoDevices():
        there = picture(
            Runtime(library, CPU, placement=Placement((("base", SECOND),))).run(found.plan)
        )
    assert abs(there - here).max() <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_its_conditions_where_it_runs(family: str, tmp_path: Path) -> None:
    write, asked = FAMILIES[family]
    folder = write(tmp_path / "model")
    level = NoiseLevel.from_noise(0.6)
    with TwoDevices(), torch.no_grad():
        here, there = expert(folder, CPU), expert(folder, ELSEWHERE)
        shape = (3, 16, 16) if here.codec is None else (here.codec.channels, 4, 4)
        x = torch.randn(1, *shape)
        near = here.denoise(x, level, [here.encode(asked)])
        far = there.denoise(x.to(SECOND), level, [there.encode(asked)])
        assert isinstance(far, There)
        assert torch.allclose(far.to(x), near, atol=1e-5)
        assert there.codec is here.codec, "one autoencoder, where the state is"


def test_all_are_sent_the_state_then_all_are_asked_then_all_are_brought() -> None:
    said: list[str] = []

    class Told(TwoDevices):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            answer = super().__torch_dispatch__(func, types, args, kwargs)
            if isinstance(answer, There) != isinstance(args[0], There):
                said.append("sent" if isinstance(answer, There) else "brought")
            return answer

    class Far(Expert):
        device = SECOND

        def encode(self, value: Any) -> Any:
            return value

        def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor:
            said.append("asked")
            return x / 2

    voices = [voice(name, Far()) for name in ("one", "two", "three")]
    with Told():
        answers = ask(
            torch.ones(1, 2),
            NoiseLevel.from_noise(0.5),
            [Question(each, each.condition) for each in voices],
        )
    assert said == ["sent"] * 3 + ["asked"] * 3 + ["brought"] * 3
    assert all(torch.equal(answer, torch.full((1, 2), 0.5)) for answer in answers.values())


def test_the_first_pattern_that_fits_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    names = ["playground/text", "playground/mask", "mine/own"]
    placed = Placement.read("playground/text=cuda:1  playground/*=cuda:0", names)
    where = [placed.machine(name, CPU) for name in names]
    assert [str(each.device) for each in where] == ["cuda:1", "cuda:0", "cpu"]
    assert {each.home for each in where} == {CPU}
    assert Placement.read("", names).machine("mine/own", CPU) is CPU


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("playground/*=cuda:2", "R014", "There is: cpu, cuda:0, cuda:1"),
        ("playground/*=cuda", "R014", "on 'cuda'"),
        ("*=gpu", "R014", "on 'gpu'"),
        ("mine/*=cuda:0", "R015", "playground/text"),
        ("playground/text", "R015", "MODEL=DEVICE"),
    ],
)
def test_what_places_nothing_is_refused(
    text: str, code: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ChoraleError) as refused:
        Placement.read(text, ["playground/text"])
    (said,) = refused.value.diagnostics
    assert said.code == code
    assert told in said.message


def test_a_full_memory_is_of_any_device_that_is_used(
    library: Library, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denoise(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(PixArt, "denoise", denoise)
    placed = Placement((("mine/own", torch.device("cuda:1")),))
    *_, last = Runtime(library, CPU, 2**40, placed).run(plan)
    assert isinstance(last, Failure)
    assert last.diagnostics[0].message == "The memory of cpu or cuda:1 is full."


def test_a_memory_that_is_full_while_a_network_is_loaded_is_no_damage(
    library: Library, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(PixArt, "load", load)
    *_, last = Runtime(library, CPU, 2**40).run(plan)
    assert isinstance(last, Failure)
    assert last.diagnostics[0].message == "The memory of cpu is full."


def test_this_host_has_the_device_that_is_best() -> None:
    assert Machine.best().device.type in {each.partition(":")[0] for each in devices()}
