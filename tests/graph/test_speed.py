"""Speed: compiled, recorded and otherwise laid out, networks answer what they answer without."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graph.checkpoints import load_adapter, load_expert
from graph.errors import ChoraleError
from graph.interfaces import Heard, Tuning
from graph.levels import NoiseLevel
from graph.library import Library
from graph.lora import read_lora
from graph.machine import Machine
from graph.speed import Speed, recorded
from graph.twins import Tuned, deltas_of
from tests.graph.adapters import making
from tests.graph.experts import folders, loras
from tests.graph.experts.alone import CPU, expert
from tests.graph.experts.test_stable_diffusion import SENTENCE, unit_noise

LEVEL = NoiseLevel.from_noise(0.6)
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
takes_a_compiler = pytest.mark.skipif(not COMPILER, reason="torch.compile takes a C++ compiler")
LATER = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:torch")


def quick(text: str) -> Machine:
    """This machine with these words."""
    return Machine(CPU.device, CPU.precision, speed=Speed(frozenset(text.split())))


def compiled(module: nn.Module) -> int:
    """How many modules of a network are compiled."""
    return sum(each._compiled_call_impl is not None for each in module.modules())


@LATER
@takes_a_compiler
def test_compiled_blocks_answer_the_same_and_step_aside_for_adapters(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "base")
    library = Library(tmp_path, tmp_path / "assets")
    making.ip_adapter(tmp_path / "ip", folder)
    who: Any = load_expert("base", library, quick("compile"))
    plain: Any = load_expert("base", library, CPU)
    unet: Any = who.networks()["unet"]
    blocks = [each for each in unet.modules() if type(each).__name__ == "BasicTransformerBlock"]
    assert compiled(unet) == len(blocks) > 0
    assert compiled(who.networks()["text_encoder"]) == 0 == compiled(plain.networks()["unet"])

    def answers(one: Any, heard: tuple[Heard, ...] = ()) -> Tensor:
        with torch.inference_mode():
            return one.denoise(unit_noise(), LEVEL, [one.encode(SENTENCE)], heard)

    from torch._dynamo.utils import counters

    counters.clear()
    asked = answers(who)
    assert counters["stats"]["unique_graphs"] > 0
    assert torch.allclose(asked, answers(plain), atol=1e-5)

    adapter = load_adapter(library.companion("ip"), CPU)
    shown = adapter.encode(making.picture(1), (64, 64))
    heard = (Heard(adapter, [shown], torch.ones(1, 1, 1, 1)),)
    told = answers(plain, heard)
    assert (told - asked).abs().max() > 1e-3
    assert torch.equal(answers(who, heard), told)
    assert torch.equal(answers(who), asked)

    file = loras.kohya(tmp_path / "ink.safetensors", plain.networks(), 1)
    deltas = {"ink": deltas_of(read_lora("ink", file), "base", who)}
    dial = (Heard(Tuning("ink"), (), torch.ones(1, 1, 1, 1)),)
    inked = answers(Tuned(plain, deltas), dial)
    assert torch.equal(answers(Tuned(who, deltas), dial), inked)
    assert (inked - asked).abs().max() > 1e-3


class TinyTransformerBlock(nn.Module):
    """The smallest network that is compiled whole."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"sample": self.inner(x).relu() - x}


@LATER
@takes_a_compiler
def test_what_a_graph_answers_is_a_copy_and_gradients_go_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Speed(frozenset({"graphs"})).applied(TinyTransformerBlock())
    marks: list[int] = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: marks.append(1))
    x = torch.randn(2, 3, requires_grad=True)
    expected = network._call_impl(x)["sample"]
    with torch.no_grad():
        first, second = network(x)["sample"], network(2 * x)["sample"]
    assert torch.allclose(first, expected)
    assert not torch.allclose(first, second)
    assert len(marks) == 2
    (slope,) = torch.autograd.grad(network(x)["sample"].sum(), x)
    assert slope.shape == x.shape
    assert len(marks) == 2


def test_a_copy_holds_what_the_next_answer_overwrites() -> None:
    held = torch.zeros(2)

    def overwriting(value: float) -> tuple[Tensor]:
        return (held.fill_(value),)

    with torch.no_grad():
        (first,) = recorded(overwriting, overwriting, 1.0)
        recorded(overwriting, overwriting, 2.0)
    assert first.tolist() == [1.0, 1.0]


def test_channels_last_lays_out_convolutions_and_changes_nothing(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "base")
    who, plain = expert(folder, quick("channels-last")), expert(folder)
    weight = who.networks()["unet"].conv_in.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not plain.networks()["unet"].conv_in.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    asked = [plain.encode(SENTENCE)]
    one, other = (each.denoise(unit_noise(), LEVEL, asked) for each in (who, plain))
    assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", "R016 CHORALE_SPEED says 'fast', expected compile, graphs, channels-last"),
        ("compile graphs", "R016 CHORALE_SPEED says 'graphs', which takes a CUDA device"),
    ],
)
def test_what_a_host_cannot_do_is_refused(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ChoraleError, match=said):
        Machine.read(speed=text)


def test_a_machine_is_read_from_two_settings() -> None:
    machine = Machine.read("bfloat16", "channels-last compile")
    assert machine.precision == torch.bfloat16
    assert machine.speed.words == {"compile", "channels-last"}
    assert Machine.read() == Machine.best()
    with pytest.raises(ChoraleError, match="R017 CHORALE_PRECISION says 'half', expected one of"):
        Machine.read("half")


def test_a_network_that_cannot_be_compiled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    torch.compiler.reset()
    network = Speed(frozenset({"compile"})).applied(TinyTransformerBlock())
    with torch.no_grad(), pytest.raises(ChoraleError, match="R018 A network could not be compiled"):
        network(torch.randn(2, 3))
