"""The ensemble: a plan's operations with their experts and encoded conditions, ready to play."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import torch
from PIL import Image

from graph import correctors, forms, fusion, guidance, samplers
from graph.codec import Codec
from graph.errors import ChoraleError, Diagnostic
from graph.fitting import FittedPainter
from graph.interfaces import (
    Adapter,
    Corrector,
    Expert,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    Likelihood,
    Modulator,
    Reader,
    Sampler,
    Tuning,
)
from graph.levels import PURE_NOISE
from graph.plan import Asked, Choice, Condition, Control, Operation, Plan, Value
from graph.plane import PLANE
from graph.points import PointPainter
from graph.preview import Painter, Shows
from graph.readers import Begun, Places, Shown, Squeezed
from graph.registry import choices
from graph.reliability import Reliability
from graph.scores import (
    Adapting,
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
    read,
    within,
)
from graph.starting import visited
from graph.twins import Tuned
from graph.windows import Windows

E = TypeVar("E", bound=Expert)


class Preparation(Protocol):
    """What an ensemble needs to be told: experts, encoded conditions, stored pictures."""

    def expert(self, choice: Value) -> tuple[str, Expert]:
        """The expert with the name of its network."""
        ...

    def modulator(self, name: str) -> Modulator:
        """The modulator of that name, for an expert whose latent space it shares."""
        ...

    def adapter(self, name: str, expert: str) -> Adapter:
        """The adapter of that name, where the network of this expert is."""
        ...

    def tuned(self, network: str, expert: Expert, loras: tuple[str, ...]) -> tuple[str, Tuned]:
        """The expert `network` with LoRAs, by the names of their files, and its own name."""
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
        canvas = _canvas(dict(noise.settings).get("size"))
        width = windows.width if windows else None
        builder = _Builder(operations, preparation, shape, windows, points, canvas, width)
        merge = builder.build(score.number)
        if isinstance(merge, Voice | Bridged):
            raise TypeError("a plan samples a fused score")
        lead = builder.lead
        codecs[operation.node] = lead.codec
        if points > 1:
            painters[operation.node] = PointPainter(merge, points, PLANE.scale)
        elif lead.canvas is not None:
            size = _whole(lead.canvas, windows)
            if lead.preview is not None:
                painters[operation.node] = Painter(lead.preview, size)
            elif lead.codec is not None:
                painters[operation.node] = FittedPainter(lead.codec, size)
        tracks.append(
            Track(
                name=operation.node,
                number=len(tracks),
                shape=shape,
                seed=_integers((noise["seed"],))[0],
                samples=_integers(noise["samples"]),
                levels=visited(sample),
                sampler=_chosen(sample["sampler"], choices(samplers, Sampler)),
                corrector=_chosen(
                    dict(sample.settings).get("corrector", Choice("none")),
                    choices(correctors, Corrector),
                ),
                score=merge,
                like=preparation.like(),
                windows=windows,
                points=points,
                start=builder.start(dict(sample.settings).get("start")),
                where=builder.where(dict(sample.settings).get("where")),
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


def _canvas(size: Value) -> tuple[int, int] | None:
    """Width and height in pixels that a plan asks for; None for the experts' own."""
    if size is None:
        return None
    width, height = _integers(size)
    return width, height


class _Builder:
    """Turns the score operations below one sample operation into voices and merges.

    `canvas` is that of every expert, None where each has its own; `width` is that of the states
    that they see, None where they see the whole. Beyond a bridge `shape` is what one window shows;
    what is said of places lies over all of them.
    """

    def __init__(
        self,
        operations: tuple[Operation, ...],
        preparation: Preparation,
        shape: tuple[int, ...],
        windows: Windows | None,
        points: int,
        canvas: tuple[int, int] | None = None,
        width: int | None = None,
    ) -> None:
        self._operations = operations
        self._canvas = canvas
        self._preparation = preparation
        self._shape = shape
        self._windows = windows
        self._seen = shape if width is None else (*shape[:-1], width)
        times = windows.times if windows and width is None else 1
        self._spread = (*shape[:-1], shape[-1] * times)
        self._points = points
        self._built: dict[int, Score] = {}
        self.lead: Expert
        self.led: str

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

    def start(self, picture: Value) -> torch.Tensor | None:
        """The picture that a track starts from, as a clean state; None for none."""
        if not isinstance(picture, Condition):
            return None
        reader = Begun(self.lead.codec, self._extent)
        begun = self._preparation.encode(f"{self.led}|start", reader, picture)
        return begun.values[0].to(self._preparation.like())

    def where(self, painted: Value) -> torch.Tensor | None:
        """The places of the state in a region; None for none."""
        if not isinstance(painted, Condition):
            return None
        reader = Places(self._scale, self._extent)
        found = self._preparation.encode(f"{self.led}|where", reader, painted)
        return found.values[0].to(self._preparation.like().device)

    @property
    def _scale(self) -> int:
        """How many pixels a place of the state has on a side."""
        return self.lead.codec.factor if self.lead.codec else 1

    @property
    def _extent(self) -> tuple[int, int]:
        """Width and height in pixels of the whole picture."""
        return self._shape[-1] * self._scale, self._shape[-2] * self._scale

    def _voice(self, operation: Operation) -> Voice:
        settings = dict(operation.settings)
        network, own = self._preparation.expert(settings["expert"])
        self.led, self.lead = network, self._sized(own)
        expert = self.lead
        adapters = tuple(self._adapting(network, expert, ref.number) for ref in operation.inputs)
        tunings = [each for each in adapters if isinstance(each.adapter, Tuning)]
        read = self._encode
        if tunings:
            expert, read = self._tuned(operation.node, network, own, tunings)
        condition: Any = settings["condition"]
        asked = read(network, expert, condition)
        kept: Any = settings.get("null")
        null = read(network, expert, kept) if expert.has_null else None
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
            adapters=adapters,
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(high, low),
        )

    def _tuned(
        self, node: str, network: str, expert: Expert, tunings: Sequence[Adapting]
    ) -> tuple[Expert, Callable[[str, Expert, Asked], Encoded]]:
        """The expert with LoRAs, and what reads conditions as loudly as these are at the start.

        What a LoRA was not made for is said of the node of the expert.
        """
        names = tuple(dict.fromkeys(each.network for each in tunings))
        try:
            name, made = self._preparation.tuned(network, expert, names)
        except ChoraleError as error:
            raise ChoraleError(*(replace(each, node=node) for each in error.diagnostics)) from None
        tuned = self._sized(made)
        rows = [_begun(each, self._preparation.like()) for each in tunings]
        times = 1 if self._windows else max(map(len, rows))

        def read(_network: str, _expert: Expert, condition: Asked) -> Encoded:
            found: list[Encoded] = []
            for number in range(times):
                loud: dict[str, float] = {}
                for each, row in zip(tunings, rows, strict=True):
                    value = row[number % len(row)]
                    loud[each.network] = loud.get(each.network, 0.0) + value
                said = " ".join(f"{key}={value!r}" for key, value in loud.items())
                encoded = self._encode(f"{name}|{said}", tuned.reader(loud), condition)
                found.append(replace(encoded, key=f"{encoded.key} {said}"))
            key = " ".join(each.key for each in found)
            return Encoded(key, tuple(value for each in found for value in each.values))

        return tuned, read

    def _sized(self, expert: E) -> E:
        """The expert on the canvas that is asked for."""
        asked = self._canvas
        return expert if asked in (None, expert.canvas) else expert.resized(asked)

    def _adapting(self, network: str, expert: Expert, number: int) -> Adapting:
        """An adapter of an expert; a picture is shown on this expert's canvas."""
        operation = self._operations[number]
        settings = dict(operation.settings)
        name = str(settings["model"])
        if operation.op == "tune":
            high, low = (float(each) for each in _floats(settings["range"]))
            shown = Encoded("", (None,))  # it sees no picture
            return Adapting(
                node=operation.node,
                adapter=Tuning(name),
                network=name,
                hint=shown,
                null=shown,
                reliability=self._reliability(settings["weight"]),
                muted=settings["muted"],  # pyright: ignore[reportArgumentType]
                solo=settings["solo"],  # pyright: ignore[reportArgumentType]
                noise_range=(high, low),
            )
        adapter = self._preparation.adapter(name, network)
        condition: Any = settings["condition"]
        shown = Shown(adapter, expert.canvas, condition.kind, expert.codec)
        reader = f"{name} on {expert.device}|{network}"  # whose canvas and codec it is
        unheard = condition if adapter.shown_to_null else None
        high, low = (float(each) for each in _floats(settings["range"]))
        return Adapting(
            node=operation.node,
            adapter=adapter,
            network=name,
            hint=self._encode(reader, shown, condition),
            null=self._encode(reader, shown, unheard) if settings["null"] else None,
            reliability=self._reliability(settings["weight"]),
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
            target=self._encode(name, self._looking(likelihood), target),
            scale=settings["scale"],  # pyright: ignore[reportArgumentType]
            reliability=self._reliability(settings["weight"]),
            muted=settings["muted"],  # pyright: ignore[reportArgumentType]
            solo=settings["solo"],  # pyright: ignore[reportArgumentType]
            noise_range=(high, low),
        )

    def _looking(self, likelihood: Likelihood) -> Reader:
        """What reads a target: a picture is squeezed as those that are painted will be."""
        painted, seen = self.lead.canvas, likelihood.canvas or self._canvas
        if painted is None or seen is None:
            return likelihood
        alike = likelihood.canvas and painted[0] * seen[1] == painted[1] * seen[0]
        return likelihood if alike else Squeezed(likelihood, painted, seen)

    def _bridged(self, operation: Operation) -> Bridged:
        settings = dict(operation.settings)
        foreign, anchor = (ref.number for ref in operation.inputs)
        shape = self._abroad(_integers(settings["shape"]), foreign)
        abroad = _Builder(
            self._operations, self._preparation, shape, self._windows, 1, self._canvas
        )
        score, anchored = abroad.build(foreign), self.build(anchor)
        return Bridged(
            bridge=operation.node,
            score=_weighed_at(score, self._spread),
            anchor=anchored,
            shape=shape,
            home=_bank(self.lead, self._seen),
            abroad=_bank(abroad.lead, shape),
        )

    def _abroad(self, own: tuple[int, ...], score: int) -> tuple[int, ...]:
        """The shape of a foreign score's states, for pictures of the size that is asked for."""
        if self._canvas is None:
            return own
        operation = self._operations[score]
        while operation.op != "denoise":
            home = -1 if operation.op == "bridge" else 0  # what it brings has its anchor's space
            operation = self._operations[operation.inputs[home].number]
        canvas = self._preparation.expert(operation["expert"])[1].canvas or self._canvas
        sides = zip(own[1:], self._canvas[::-1], canvas[::-1], strict=True)
        return own[0], *(side * asked // known for side, asked, known in sides)

    def _encode(self, network: str, reader: Reader, condition: Asked) -> Encoded:
        return self._preparation.encode(network, reader, condition, self._windows)

    def _reliability(self, weight: Value) -> Reliability:
        preparation = self._preparation
        return Reliability(
            _tuple(weight), self._spread, preparation.picture, preparation.like(), self._points
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


def _bank(lead: Expert, shape: tuple[int, ...]) -> Bank:
    """One end of a bridge; the states of a formula are pictures, as large as they are."""
    return Bank(lead.codec, lead.canvas or (shape[2], shape[1]))


def _weighed_at(score: Score, shape: tuple[int, ...]) -> Score:
    """The foreign score with the weight that it has among states of another shape, at home."""
    if isinstance(score, Voice):
        return replace(score, reliability=score.reliability.over(shape))
    if isinstance(score, Bent | Bridged):
        return replace(score, score=_weighed_at(score.score, shape))
    return score


def _begun(tuning: Adapting, like: torch.Tensor) -> list[float]:
    """How loud a LoRA is when a run begins, by its settings: once, or for every sample."""
    factors = [*tuning.reliability.controls, tuning.muted]
    values: dict[str, Any] = {
        each.name: each.default for each in factors if isinstance(each, Control)
    }
    if read(tuning.muted, values):
        return [0.0]
    weight = tuning.reliability.at(PURE_NOISE, values)
    each = weight.tensor(like.new_zeros(1, 1, 1, 1)).mean((1, 2, 3))
    return [float(value) for value in each]


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
