"""The runtime: loads experts, encodes conditions, plays a plan and finishes its pictures."""

from __future__ import annotations

import gc
import logging
import operator
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import torch
from PIL import Image
from torch import Tensor

from graph.checkpoints import (
    load_adapter,
    load_deltas,
    load_expert,
    load_likelihood,
    load_modulator,
)
from graph.companions import Companion
from graph.controls import Controls
from graph.ensemble import Ensemble, assemble
from graph.errors import ChoraleError, Diagnostic
from graph.events import Event, Failure, Performance, Result
from graph.footprint import Part, no_room, on, parts_of, total
from graph.interfaces import Adapter, Checkpoint, Expert, Likelihood, Modulator, Reader, Step
from graph.levels import CLEAN
from graph.library import Library, Model
from graph.loop import play
from graph.lora import Lora
from graph.machine import Machine, Placement, usual_memory
from graph.pictures import prepare
from graph.plan import Asked, Asset, Choice, Condition, Operation, Plan, Value
from graph.preview import Watch, plain
from graph.scores import Encoded, Track, weights
from graph.soloing import BENDING
from graph.twins import Deltas, Tuned
from graph.windows import Windows

log = logging.getLogger("chorale")
T = TypeVar("T")
KEPT_CONDITIONS = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network with what was known of its folder when it was loaded; None for a formula."""

    source: object
    network: Any
    parts: tuple[Part, ...] = ()


@dataclass(slots=True)
class Runtime:
    """Keeps networks and encoded conditions between runs: moving a fader re-encodes nothing.

    Weights take at most `memory` bytes of every device, or what is usual there: what was called for
    longest ago goes first, and nothing goes that a run is playing.
    """

    library: Library
    machine: Machine = field(default_factory=Machine.best)
    memory: int | None = None
    placement: Placement = field(default_factory=Placement)
    _loaded: OrderedDict[str, Loaded] = field(default_factory=OrderedDict[str, Loaded])
    _played: list[Mapping[str, tuple[Part, ...]]] = field(
        default_factory=list[Mapping[str, tuple[Part, ...]]]
    )
    _encoded: OrderedDict[str, Encoded] = field(default_factory=OrderedDict[str, Encoded])
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def run(
        self,
        plan: Plan,
        controls: Controls | None = None,
        *,
        performance: Performance | None = None,
        previews: float = 0.0,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Play the plan; yields Progress per step, then a Result per track, Stopped or Failure.

        `performance` is replayed if given; `previews` is the most previews a second (0: none).
        Closing the iterator or setting `stop` ends the run at its next step.
        """
        stop = stop or threading.Event()
        try:
            controls = controls or Controls(plan.controls, performance)
            yield from self._play(plan, controls, previews, stop)
        except ChoraleError as error:
            yield Failure(error.diagnostics)
        except (torch.OutOfMemoryError, MemoryError):
            yield Failure((_out_of_memory(self.machine, self.placement),))
        except Exception as error:
            log.exception("the run ended by an error of the program")
            yield Failure((_unexpected(error),))

    def prepare(self, plan: Plan) -> None:
        """Load the experts and encode the conditions of a plan before it is played."""
        with self._lock, self._room_for(plan):
            assemble(plan, self)

    def expert(self, choice: Value) -> tuple[str, Expert]:
        """The expert called for by a plan, with the name of its network.

        Loaded once, and again when the files of its folder have changed since.
        """
        name = str(choice)
        if isinstance(choice, Choice):
            return name, self._kept(name, None, self._expert_loader(choice, self.machine))
        model, machine = self.library.model(name), self.placement.machine(name, self.machine)
        parts = self._parts_of(model, machine)
        return name, self._kept(name, model, self._expert_loader(choice, machine), parts)

    def _expert_loader(self, choice: Value, machine: Machine) -> Callable[[], Expert]:
        return lambda: load_expert(choice, self.library, machine)

    def modulator(self, name: str) -> Modulator:
        """The modulator of that name, loaded as experts are."""
        return self._companion(name, name, load_modulator, self.machine)

    def adapter(self, name: str, expert: str) -> Adapter:
        """The adapter of that name, loaded as experts are, where the expert that it tells runs."""
        machine = self.placement.machine(expert, self.machine)
        return self._companion(name, _beside(name, machine), load_adapter, machine)

    def likelihood(self, name: str) -> Likelihood:
        """The model of that name that guides, loaded as experts are."""
        return self._companion(name, name, load_likelihood, self.machine)

    def _companion(
        self, name: str, key: str, load: Callable[[Companion, Machine], T], machine: Machine
    ) -> T:
        companion = self.library.companion(name)
        parts = self._parts_of(companion, machine)
        return self._kept(key, companion, lambda: load(companion, machine), parts)

    def tuned(self, network: str, expert: Expert, loras: tuple[str, ...]) -> tuple[str, Tuned]:
        """The expert with LoRAs, its weights shared, and its name.

        Made once, and again when the expert or a file has changed since. ChoraleError M040 for a
        LoRA that was made for other networks.
        """
        if not isinstance(expert, Checkpoint):
            raise TypeError(f"{type(expert).__name__} has no networks that a LoRA changes")
        machine = self.placement.machine(network, self.machine)
        deltas: dict[str, Deltas] = {}
        with torch.inference_mode(False), torch.no_grad():
            for name in loras:
                lora = self.library.lora(name)
                load = partial(load_deltas, lora, network, expert)
                parts = self._parts_of(lora, machine)
                deltas[name] = self._kept(_for(name, network), (expert, lora), load, parts)
            key = f"{network} with {', '.join(loras)}"
            made = self._kept(key, (expert, *deltas.values()), lambda: Tuned(expert, deltas))
        return key, made

    def _kept(
        self,
        name: str,
        source: object,
        load: Callable[[], Any],
        parts: tuple[Part, ...] = (),
    ) -> Any:
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded is None or not _same(loaded.source, source):
                if loaded is not None:
                    self._drop(name)
                self._make_room({name: parts})
                loaded = self._loaded[name] = Loaded(source, load(), parts)
            self._loaded.move_to_end(name)
            return loaded.network

    @contextmanager
    def _room_for(self, plan: Plan) -> Generator[None]:
        """Make room for all that a plan calls for, and drop none of it meanwhile.

        ChoraleError R012 if it does not fit, before anything is loaded or dropped.
        """
        needed: dict[str, tuple[Part, ...]] = {}
        for operation in plan.operations:
            settings = dict(operation.settings)
            expert, model = settings.get("expert"), settings.get("model")
            if operation.op in BENDING:
                companion = self.library.companion(str(model))
                needed[str(model)] = self._parts_of(companion, self.machine)
            if expert is not None and not isinstance(expert, Choice):
                name, machine = str(expert), self.placement.machine(str(expert), self.machine)
                needed[name] = self._parts_of(self.library.model(name), machine)
                for ref in operation.inputs:
                    needed |= self._heard(plan.operations[ref.number], name, machine)
        with self._lock:
            self._make_room(needed)
            self._played.append(needed)
        try:
            yield
        finally:
            with self._lock:
                self._played.remove(needed)

    def _heard(
        self, adapter: Operation, expert: str, machine: Machine
    ) -> dict[str, tuple[Part, ...]]:
        """What an adapter of an expert takes, by the name under which it is kept."""
        name = str(adapter["model"])
        if adapter.op == "tune":
            return {_for(name, expert): self._parts_of(self.library.lora(name), machine)}
        return {_beside(name, machine): self._parts_of(self.library.companion(name), machine)}

    def _parts_of(self, source: Model | Companion | Lora, machine: Machine) -> tuple[Part, ...]:
        """What a network takes of the memory of devices, if any of them is bounded."""
        if self._most(machine.device) is None and self._most(self.machine.device) is None:
            return ()
        elsewhere = "" if machine.device == self.machine.device else str(machine.device)
        return parts_of(source, str(machine.precision).removeprefix("torch."), elsewhere)

    def _bounds(self, held: Mapping[str, tuple[Part, ...]]) -> Iterator[tuple[str, int]]:
        """The devices that are used and bounded, with how many bytes may be taken there."""
        for name in sorted({part.device for parts in held.values() for part in parts}):
            device = torch.device(name) if name else self.machine.device
            most = self._most(device)
            if most is not None:
                yield name, most

    def _most(self, device: torch.device) -> int | None:
        return usual_memory(device) if self.memory is None else self.memory

    def _make_room(self, needed: Mapping[str, tuple[Part, ...]]) -> None:
        """Drop what is neither needed nor played, least recently used first, until all fits."""
        played = {name: parts for each in self._played for name, parts in each.items()}
        firm = {**played, **needed}
        for device, most in self._bounds(firm):
            if total(_on(device, firm)) > most:
                raise no_room(_on(device, needed), _on(device, played), most, device)
        idle = [name for name in self._loaded if name not in firm]
        held = {**{name: each.parts for name, each in self._loaded.items()}, **firm}
        for device, most in self._bounds(held):
            while total(_on(device, held)) > most:
                name = next(each for each in idle if each in held and on(device, held[each]))
                del held[name]
                self._drop(name)

    def _drop(self, name: str) -> None:
        """Let go of a network, of what is made of it, and of the conditions encoded for it."""
        gone = self._loaded.pop(name, None)
        if gone is None:
            return
        for key, each in tuple(self._loaded.items()):
            made_of = cast("tuple[object, ...]", each.source if type(each.source) is tuple else ())
            if any(gone.network is part for part in made_of):
                self._drop(key)
        for key in [key for key in self._encoded if name in key.split("|")]:
            del self._encoded[key]
        gc.collect()  # networks may lie in cycles
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def encode(
        self,
        network: str,
        reader: Reader,
        condition: Asked,
        windows: Windows | None = None,
    ) -> Encoded:
        """The condition as this reader's tensors; kept, so that equal conditions cost once.

        Of a picture every window is given its part. Of several things at once the reader is given
        a mapping, by their kinds. What it makes of them may depend on its canvas.
        """
        key = f"{network}|{condition!r}|{windows!r}|{reader.canvas}"
        with self._lock:
            if key not in self._encoded:
                # such tensors may take part in a gradient, which those of inference mode may not
                with torch.inference_mode(False), torch.no_grad():
                    parts = self._given(condition, reader.canvas, windows)
                    values = tuple(map(reader.encode, parts))
                self._encoded[key] = Encoded(repr(condition), values)
                while len(self._encoded) > KEPT_CONDITIONS:
                    self._encoded.popitem(last=False)
            self._encoded.move_to_end(key)
            return self._encoded[key]

    def _given(
        self, condition: Asked, canvas: tuple[int, int] | None, windows: Windows | None
    ) -> Sequence[Any]:
        """What a reader is given, once or for every window; of several things a mapping."""
        if not isinstance(condition, tuple):
            return self._parts(condition, canvas, windows)
        parts = {each.kind: self._parts(each, canvas, windows) for each in condition}
        count = max(map(len, parts.values()))
        return [
            {kind: each[number % len(each)] for kind, each in parts.items()}
            for number in range(count)
        ]

    def _parts(
        self,
        condition: Condition | None,
        canvas: tuple[int, int] | None,
        windows: Windows | None,
    ) -> Sequence[str | Image.Image | None]:
        """What a reader is given: one value, or of a picture a part for every window."""
        if condition is None:
            return (None,)
        if not isinstance(condition.value, Asset):
            return (condition.value,)
        picture = self.picture(condition.value.sha256)
        if windows is None or canvas is None:
            return (prepare(picture, condition.steps, canvas),)
        wide = (canvas[0] * windows.times, canvas[1])
        return windows.panes(prepare(picture, condition.steps, wide), canvas)

    def like(self) -> Tensor:
        """An empty tensor on the device of the state, in float32."""
        return torch.empty(0, device=self.machine.device)

    def picture(self, sha256: str) -> Image.Image:
        """A stored picture by the hash of its file."""
        return self.library.assets.get(sha256)

    def _play(
        self, plan: Plan, controls: Controls, previews: float, stop: threading.Event
    ) -> Iterator[Event]:
        began = time.perf_counter()
        with self._room_for(plan):
            cast = assemble(plan, self)
            watch = Watch(previews, cast.painters)
            for event in play(cast.tracks, controls, stop, watch):
                if isinstance(event, tuple):
                    track, state, tally = event
                    yield Result(
                        track=track.name,
                        pictures=_pictures(cast, track, state, controls.performance),
                        meters=tally.whole(),
                        record=controls.performance,
                        seconds=time.perf_counter() - began,
                    )
                else:
                    yield event


def _pictures(
    cast: Ensemble, track: Track, state: Tensor, played: Performance
) -> tuple[Image.Image, ...]:
    """The finished state as pictures; a state that is no number is refused."""
    if not bool(torch.isfinite(state).all()):
        raise ChoraleError(
            Diagnostic(
                "R004",
                "The picture became not-a-number while it was sampled.",
                "Lower guidance and reliabilities, or look for an expert with damaged weights.",
            )
        )
    codec = cast.codecs[track.name]
    with torch.inference_mode():
        if track.points > 1:
            heard = {name: value for _, name, value in played.moves}
            led = weights(track.score, track.levels[-2], heard)
            return cast.painters[track.name].show(Step(state, CLEAN, state), led)
        return codec.decode(state) if codec else plain(state)


def _beside(name: str, machine: Machine) -> str:
    """The name under which an adapter is kept: one for every device."""
    return f"{name} on {machine.device}"


def _for(name: str, expert: str) -> str:
    """The name under which a LoRA is kept: its tensors are of the type and place of an expert."""
    return f"{name} for {expert}"


def _on(device: str, held: Mapping[str, tuple[Part, ...]]) -> list[Part]:
    """What of networks lies on a device."""
    return on(device, (part for parts in held.values() for part in parts))


def _same(one: object, other: object) -> bool:
    """Whether these are the very same object, or rows of the same objects."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        rows: Any = one, other
        return len(rows[0]) == len(rows[1]) and all(map(operator.is_, *rows))
    return one is other


def _out_of_memory(machine: Machine, placement: Placement) -> Diagnostic:
    devices = dict.fromkeys((machine.device, *(device for _, device in placement.rows)))
    return Diagnostic(
        "R005",
        f"The memory of {' or '.join(map(str, devices))} is full.",
        "Ask for fewer pictures at once, a smaller sweep, or fewer models.",
    )


def _unexpected(error: Exception) -> Diagnostic:
    return Diagnostic(
        "R006",
        f"The run ended by an error of the program ({type(error).__name__}); the log has the rest.",
        "Earlier results are whole. Please report it with the workflow file.",
    )
