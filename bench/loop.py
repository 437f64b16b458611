"""What the loop costs beside the networks: overhead, batching, muting."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from bench.timing import Row, compare, seconds
from graph.events import Progress
from graph.interfaces import Expert
from graph.levels import NoiseLevel
from graph.runtime import Loaded
from graph.workflow import Workflow
from studio.piece import WORKFLOWS, Piece, load, runtime


class Timed(Expert):
    """An expert that adds up the seconds spent in its network."""

    def __init__(self, inner: Expert) -> None:
        self.inner = inner
        self.has_null, self.codec, self.canvas = inner.has_null, inner.codec, inner.canvas
        self.preview = inner.preview
        self.spent = 0.0

    def encode(self, value: Any) -> Any:
        """As the inner expert."""
        return self.inner.encode(value)

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor:
        """As the inner expert, timed."""
        began = time.perf_counter()
        answer = self.inner.denoise(x, level, conditions)
        self.spent += time.perf_counter() - began
        return answer


def rows() -> Iterator[Row]:
    """The default workflow's time, first preview, overhead; K sentences; muting."""
    piece = load(WORKFLOWS / "first-light.json")
    plan = piece.plan()
    _play(piece)
    first = next(_seconds_to_preview(piece))
    yield Row("first-light, warm", seconds(lambda: _play(piece)), "s", "≤ 6")
    yield Row("first preview, warm", first, "s", "≤ 1")
    yield _overhead(plan)
    yield _sentences()
    yield _muting(piece)


def _play(piece: Piece, previews: float = 20.0) -> None:
    for _ in piece.play(previews):
        pass


def _seconds_to_preview(piece: Piece) -> Iterator[float]:
    began = time.perf_counter()
    for event in piece.play(20.0):
        if isinstance(event, Progress) and event.preview:
            yield time.perf_counter() - began


def _overhead(plan: Any) -> Row:
    """Wall time from the first step to the last over the seconds inside the networks."""
    player = runtime()
    plain = dict(player._loaded)  # noqa: SLF001 - the bench listens inside
    timed = {name: replace(each, network=Timed(each.network)) for name, each in plain.items()}
    ratios: list[float] = []
    for _ in range(5):
        player._loaded.update(timed)  # noqa: SLF001
        before = _spent(timed.values())
        times = [
            time.perf_counter()
            for event in player.run(plan, previews=20.0)
            if isinstance(event, Progress)
        ]
        inside = _spent(timed.values()) - before
        player._loaded.update(plain)  # noqa: SLF001
        steps = len(times)
        ratios.append((times[-1] - times[0]) / (inside * (steps - 1) / steps))
    ratio = sorted(ratios)[len(ratios) // 2]
    return Row("loop with previews and meters over its networks", ratio, "×", "≤ 1.05")


def _spent(timed: Iterable[Loaded]) -> float:
    return sum(each.network.spent for each in timed if isinstance(each.network, Timed))


def _sentences() -> Row:
    """Four sentences on one network against one bare batched call per step."""
    piece = _four_sentences()
    operations: Any = piece.plan().operations
    _, expert = runtime().expert("playground/text")
    sentences = [str(op["condition"].value) for op in operations if op.op == "denoise"]
    asked = [expert.encode(sentence) for sentence in (*sentences, None)]
    sample = next(op for op in operations if op.op == "sample")
    noise = operations[sample.inputs[0].number]
    states = torch.randn(len(asked), *noise["shape"])
    steps = int(sample["steps"])

    @torch.inference_mode()
    def bare() -> None:
        for step in range(steps):
            expert.denoise(states, NoiseLevel.from_noise(1 - step / steps), asked)

    def loop() -> float:
        times = [time.perf_counter() for e in piece.play(0) if isinstance(e, Progress)]
        return times[-1] - times[0]

    loop()
    bare()
    pairs = [(loop() * steps / (steps - 1), seconds(bare)) for _ in range(5)]
    ratio = sorted(one / two for one, two in pairs)[2]
    return Row("four sentences on one network over one batched call", ratio, "×", "≤ 1.05")


def _four_sentences() -> Piece:
    """Four text experts of one model in one fusion."""
    sentences = ("a red house", "a snowfield by day", "mountains behind", "a tree on the left")
    nodes: list[dict[str, Any]] = [{"id": "fuse", "type": "fuse"}, {"id": "out", "type": "picture"}]
    wires = [("fuse.score", "out.score")]
    for index, sentence in enumerate(sentences):
        nodes += [
            {"id": f"text{index}", "type": "text", "settings": {"text": sentence}},
            {"id": f"expert{index}", "type": "text_expert"},
        ]
        wires += [
            (f"text{index}.text", f"expert{index}.text"),
            (f"expert{index}.score", "fuse.scores"),
        ]
    drawn = [{"from": origin, "to": target} for origin, target in wires]
    return Piece(Workflow.model_validate({"nodes": nodes, "wires": drawn}))


def _muting(piece: Piece) -> Row:
    """Two of three experts muted, against the workflow that holds only the third."""
    muted = piece.with_setting("mask_expert.muted", True).with_setting("sketch_expert.muted", True)
    alone = load(WORKFLOWS / "text.json")
    ratio, one, two = compare(lambda: _play(muted, 0), lambda: _play(alone, 0), rounds=5)
    return Row(
        "two experts muted over one expert alone", ratio, "×", "≈ 1", f"{one:.2f} / {two:.2f} s"
    )
