"""The ensemble: a plan's operations with their experts and encoded conditions, ready to play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from PIL import Image

from graph import correctors, forms, fusion, guidance, samplers, schedules
from graph.codec import Codec
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import (
    Corrector,
    Expert,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    Likelihood,
    Modulator,
    NoiseSchedule,
    Reader,
    Sampler,
)
from graph.plan import Asked, Choice, Operation, Plan, Value
from graph.plane import PLANE
from graph.points import PointPainter
from graph.preview import Painter, Shows
from graph.registry import choices
from graph.reliability import Reliability
from graph.scores import (
    Bank,
    Bent,
    Bridged,
    Encoded,
    Guided,
    Merge,
    Modulated,
    Score,
    Shaped,
    Track,
    Voice,
    bare,
    within,
)
from graph.windows import Windows


class Preparation(Protocol):
    """What an ensemble needs to be told: experts, encoded conditions, stored pictures."""

    def expert(self, choice: Value) -> tuple[str, Expert]:
        """The expert with the name of its network."""
        ...

    def modulator(self, name: str) -> Modulator:
        """The modulator of that name, for an expert whose latent space it shares."""
        ...

    def likelihood(self, name: str) -> Likelihood:
        """The model of that name that guides."""
        ...

    def encode(
        self,
        network: str,
        reader: Reader,
        condition: Asked,
        windows: Windows | None = None,
    ) -> Encoded:
        """A condition, or its absence, as this reader's tensors; for each window, where it must."""
        ...

    def picture(self, sha256: str) -> Image.Image:
        """A stored picture."""
        ...

    def like(self) -> torch.Tensor:
        """An empty tensor on the device and in the type of the state."""
        ...


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Tracks to play, with what draws and finishes their pictures, by the track's name."""

    tracks: tuple[Track, ...]
    painters: Mapping[str, Shows]
    codecs: Mapping[str, Codec | None]


def assemble(plan: Plan, preparation: Preparation) -> Ensemble:
    """Load and encode everything that the plan names."""
    operations = plan.operations
    tracks: list[Track] = []
    painters: dict[str, Shows] = {}
    codecs: dict[str, Codec | None] = {}
    for operation in operations:
        if operation.op != "decode":
            continue
        sample = operations[operation.inputs[0].number]
        noise, score = (operations[ref.number] for ref in sample.inputs)
        shape = tuple(_integers(noise["shape"]))
        windows = _windows(sample, shape)
        points = _integers(dict(noise.settings).get("points", 1))[0]
        builder = _Builder(operations, preparation, shape, windows, points)
        merge = builder.build(score.number)
        if isinstance(merge, Voice | Bridged):
            raise TypeError("a plan samples a fused score")
        lead = builder.lead
        codecs[operation.node] = lead.codec
        if points > 1:
            painters[operation.node] = PointPainter(merge, points, PLANE.scale)
        elif lead.preview is not None and lead.canvas is not None:
            painters[operation.node] = Painter(lead.preview, _whole(lead.canvas, windows))
        schedule: Any = _chosen(sample["schedule"], choices(schedules, NoiseSchedule))
        tracks.append(
            Track(
                name=operation.node,
                number=len(tracks),
                shape=shape,
                seed=_integers((noise["seed"],))[0],
                samples=_integers(noise["samples"]),
                levels=schedule.levels(_integers((sample["steps"],))[0]),
                sampler=_chosen(sample["sampler"], choices(samplers, Sampler)),
                corrector=_chosen(
                    dict(sample.settings).get("corrector", Choice("none")),
                    choices(correctors, Corrector),
                ),
                score=merge,
                like=preparation.like(),
                windows=windows,
                points=points,
            )
        )
    return Ensemble(tuple(tracks), painters, codecs)


def _windows(sample: Operation, shape: tuple[int, ...]) -> Windows | None:
    """How a track is cut that is wider than its experts know; None for one that is not."""
    times = _integers(dict(sample.settings).get("wide", 1))[0]
    return Windows.over(shape[-1] // times, times) if times > 1 else None


def _whole(canvas: tuple[int, int], windows: Windows | None) -> tuple[int, int]:
    """Width and height of the picture, from those of the experts' canvas."""
    return canvas if windows is None else (canvas[0] * windows.times, canvas[1])


class _Builder:
    """Turns the score operations below one sample operation into voices and merges."""

    def __init__(
        self,
        operations: tuple[Operation, ...],
        preparation: Preparation,
        shape: tuple[int, ...],
        windows: Windows | None,
        points: int,
    ) -> None:
        self._operations = operations
        self._preparation = preparation
        self._shape = shape
        self._windows = windows
        self._points = points
        self._built: dict[int, Score] = {}
        self.lead: Expert

    def build(self, number: int) -> Score:
        """The score of one operation, each built once."""
        if number not in self._built:
            operation = self._operations[number]
            make = {
                "denoise": self._voice,
                "modulate": self._modulated,
                "guide": self._guided,
                "bridge": self._bridged,
                "fuse": self._merge,
                "form": self._formed,
            }
            self._built[number] = make[operation.op](operation)
        return self._built[number]

    def _voice(self, operation: Operation) -> Voice:
        settings = dict(operation.settings)
        network, expert = self._preparation.expert(settings["expert"])
        self.lead = expert
        condition: Any = settings["condition"]
        asked = self._encode(network, expert, condition)
        kept: Any = settings.get("null")
        null = self._encode(network, expert, kept) if expert.has_null else None
        blocks = _integers(settings.get("without", ()))
        if blocks:
            network, expert = f"{network} without {blocks}", _twin(operation.node, expert, blocks)
        high, low = (float(each) for each in _floats(settings["range"]))
        return Voice(
            node=operation.node,
            expert=expert,
            network=network,
            condition=asked,
            null=null,
            reliability=self._reliability(settings["weight"]),
            guidance=settings["guidance"],  # pyright: ignore[reportArgumentType]
            share=_floats((settings["share"],))[0],
            part=str(settings.get("part", "")),
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(high, low),
        )

    def _modulated(self, operation: Operation) -> Modulated:
        settings = dict(operation.settings)
        score, name = self.build(operation.inputs[0].number), str(settings["model"])
        modulator = self._preparation.modulator(name)
        conditions: Any = settings["maps"]
        read = {
            each.kind: self._encode(name, modulator.reader(each.kind), each) for each in conditions
        }
        windows = range(max((len(each.values) for each in read.values()), default=1))
        stacks = tuple(
            modulator.stack({kind: each.values[number] for kind, each in read.items()})
            for number in windows
        )
        high, low = (float(each) for each in _floats(settings["range"]))
        return Modulated(
            node=operation.node,
            score=score,
            modulator=modulator,
            network=name,
            maps=Encoded(" ".join(each.key for each in read.values()), stacks),
            reliability=self._reliability(settings["weight"]),
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(high, low),
        )

    def _guided(self, operation: Operation) -> Guided:
        settings = dict(operation.settings)
        score, name = self.build(operation.inputs[0].number), str(settings["model"])
        likelihood = self._preparation.likelihood(name)
        target: Any = settings["target"]
        high, low = (float(each) for each in _floats(settings["range"]))
        return Guided(
            node=operation.node,
            score=score,
            likelihood=likelihood,
            codec=self.lead.codec,
            network=name,
            method=_chosen(settings["method"], choices(guidance, GuidanceMethod)),
            target=self._encode(name, likelihood, target),
            scale=settings["scale"],  # pyright: ignore[reportArgumentType]
            reliability=self._reliability(settings["weight"]),
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(high, low),
        )

    def _bridged(self, operation: Operation) -> Bridged:
        settings = dict(operation.settings)
        foreign, anchor = (ref.number for ref in operation.inputs)
        shape = tuple(_integers(settings["shape"]))
        abroad = _Builder(self._operations, self._preparation, shape, self._windows, points=1)
        score, anchored = abroad.build(foreign), self.build(anchor)
        return Bridged(
            bridge=operation.node,
            score=_weighed_at(score, self._shape),
            anchor=anchored,
            shape=shape,
            home=Bank(self.lead.codec, self.lead.canvas),
            abroad=Bank(abroad.lead.codec, abroad.lead.canvas),
        )

    def _encode(self, network: str, reader: Reader, condition: Asked) -> Encoded:
        return self._preparation.encode(network, reader, condition, self._windows)

    def _reliability(self, weight: Value) -> Reliability:
        preparation = self._preparation
        return Reliability(
            _tuple(weight), self._shape, preparation.picture, preparation.like(), self._points
        )

    def _merge(self, operation: Operation) -> Merge:
        settings = dict(operation.settings)
        inputs = [self.build(ref.number) for ref in operation.inputs]
        background = inputs.pop() if settings.get("background") else None
        rule: Any = _chosen(settings["rule"], choices(fusion, FusionRule))
        turns = zip(inputs, rule.turns(len(inputs)), strict=True)
        return Merge(
            operation.node,
            rule,
            tuple(within(*each) for each in turns),
            background,
            share=_floats(settings.get("share", 1.0))[0],
        )

    def _formed(self, operation: Operation) -> Merge:
        """The fusion with one form more around it; ChoraleError F023 if it has no background."""
        settings = dict(operation.settings)
        merge = self.build(operation.inputs[0].number)
        if not isinstance(merge, Merge):
            raise TypeError("a plan gives a form to a fusion")
        inner = [bare(each) for each in merge.inputs]
        nulls = any(not isinstance(each, Voice) or each.null for each in inner)
        if merge.background is None and not nulls:
            raise ChoraleError(
                Diagnostic(
                    "F023",
                    "There is no guidance to give a form to: no expert here can be asked without "
                    "a condition, and no background is wired.",
                    "Wire a background to the fusion, or take the form out.",
                    node=operation.node,
                )
            )
        shape = Shaped(
            node=operation.node,
            form=_chosen(settings["form"], choices(forms, GuidanceForm)),
            reliability=self._reliability(settings["weight"]),
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(1.0, 0.0),
        )
        return replace(merge, forms=(*merge.forms, shape))


def _weighed_at(score: Score, shape: tuple[int, ...]) -> Score:
    """The foreign score with the weight that it has among states of another shape, at home."""
    if isinstance(score, Voice):
        return replace(score, reliability=score.reliability.over(shape))
    if isinstance(score, Bent | Bridged):
        return replace(score, score=_weighed_at(score.score, shape))
    return score


def _twin(node: str, expert: Expert, blocks: tuple[int, ...]) -> Expert:
    """The weak twin of an expert; what cannot be left out is said of the node that asked."""
    try:
        twin = expert.without(blocks)
    except ChoraleError as error:
        raise ChoraleError(*(replace(each, node=node) for each in error.diagnostics)) from None
    twin.device = expert.device
    return twin


def _chosen(choice: Value, family: Mapping[str, type[Any]]) -> Any:
    """A rule, sampler or schedule built from its name and settings."""
    if not isinstance(choice, Choice):
        raise TypeError(f"expected a choice by name, got {choice!r}")
    return family[choice.name](**dict(choice.settings))


def _tuple(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def _floats(value: Value) -> tuple[float, ...]:
    return tuple(float(each) for each in _tuple(value))  # pyright: ignore[reportArgumentType]


def _integers(value: Value) -> tuple[int, ...]:
    return tuple(int(each) for each in _tuple(value))  # pyright: ignore[reportArgumentType]
