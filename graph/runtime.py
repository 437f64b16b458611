"""The runtime: loads experts, encodes conditions, plays a plan and finishes its pictures."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from graph.checkpoints import load_expert, load_likelihood, load_modulator
from graph.companions import Companion
from graph.controls import Controls
from graph.ensemble import Ensemble, assemble
from graph.errors import ChoraleError, Diagnostic
from graph.events import Event, Failure, Performance, Result
from graph.footprint import Part, no_room, parts_of, total
from graph.interfaces import Expert, Likelihood, Modulator, Reader, Step
from graph.levels import CLEAN
from graph.library import Library, Model
from graph.loop import play
from graph.machine import Machine
from graph.pictures import prepare
from graph.plan import Asset, Choice, Condition, Plan, Value
from graph.preview import Watch, plain
from graph.scores import Encoded, Track, weights
from graph.windows import Windows

log = logging.getLogger("chorale")
KEPT_CONDITIONS = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network with what was known of its folder when it was loaded; None for a formula."""

    source: Model | Companion | None
    network: Any
    parts: tuple[Part, ...]


@dataclass(slots=True)
class Runtime:
    """Keeps networks and encoded conditions between runs: moving a fader re-encodes nothing.

    Weights take at most `memory` bytes, if it is given: what was called for longest ago goes first,
    and nothing goes that a run is playing.
    """

    library: Library
    machine: Machine = field(default_factory=Machine.best)
    memory: int | None = None
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
            yield Failure((_out_of_memory(self.machine),))
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
        model = None if isinstance(choice, Choice) else self.library.model(name)
        return name, self._kept(
            name, model, lambda: load_expert(choice, self.library, self.machine)
        )

    def modulator(self, name: str) -> Modulator:
        """The modulator of that name, loaded as experts are."""
        companion = self.library.companion(name)
        return self._kept(name, companion, lambda: load_modulator(companion, self.machine))

    def likelihood(self, name: str) -> Likelihood:
        """The model of that name that guides, loaded as experts are."""
        companion = self.library.companion(name)
        return self._kept(name, companion, lambda: load_likelihood(companion, self.machine))

    def _kept(self, name: str, source: Model | Companion | None, load: Callable[[], Any]) -> Any:
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded is None or loaded.source is not source:
                if loaded is not None:
                    self._drop(name)
                parts = self._parts_of(source)
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
            if expert is not None and not isinstance(expert, Choice):
                needed[str(expert)] = self._parts_of(self.library.model(str(expert)))
            if model is not None:
                needed[str(model)] = self._parts_of(self.library.companion(str(model)))
        with self._lock:
            self._make_room(needed)
            self._played.append(needed)
        try:
            yield
        finally:
            with self._lock:
                self._played.remove(needed)

    def _parts_of(self, source: Model | Companion | None) -> tuple[Part, ...]:
        """What a network will take; nothing where it is a formula or nobody counts."""
        if source is None or self.memory is None:
            return ()
        return parts_of(source, str(self.machine.precision).removeprefix("torch."))

    def _make_room(self, needed: Mapping[str, tuple[Part, ...]]) -> None:
        """Drop what is neither needed nor played, least recently used first, until all fits."""
        if self.memory is None:
            return
        played = {name: parts for each in self._played for name, parts in each.items()}
        firm = {**played, **needed}
        if total(part for parts in firm.values() for part in parts) > self.memory:
            wanted, others = (
                [part for parts in each.values() for part in parts] for each in (needed, played)
            )
            raise no_room(wanted, others, self.memory)
        idle = [name for name in self._loaded if name not in firm]
        held = {**{name: each.parts for name, each in self._loaded.items()}, **firm}
        while total(part for parts in held.values() for part in parts) > self.memory:
            name = idle.pop(0)
            del held[name]
            self._drop(name)

    def _drop(self, name: str) -> None:
        """Let go of a network, and of the conditions that were encoded for it."""
        del self._loaded[name]
        for key in [key for key in self._encoded if key.startswith(f"{name}|")]:
            del self._encoded[key]
        gc.collect()  # networks may lie in cycles
        if self.machine.device.type == "cuda":
            torch.cuda.empty_cache()

    def encode(
        self,
        network: str,
        reader: Reader,
        condition: Condition | None,
        windows: Windows | None = None,
    ) -> Encoded:
        """The condition as this reader's tensors; kept, so that equal conditions cost once.

        Of a picture every window is given its part.
        """
        key = f"{network}|{condition!r}|{windows!r}"
        with self._lock:
            if key not in self._encoded:
                # such tensors may take part in a gradient, which those of inference mode may not
                with torch.inference_mode(False), torch.no_grad():
                    parts = self._parts(condition, reader.canvas, windows)
                    values = tuple(map(reader.encode, parts))
                self._encoded[key] = Encoded(repr(condition), values)
                while len(self._encoded) > KEPT_CONDITIONS:
                    self._encoded.popitem(last=False)
            self._encoded.move_to_end(key)
            return self._encoded[key]

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


def _out_of_memory(machine: Machine) -> Diagnostic:
    return Diagnostic(
        "R005",
        f"The memory of {machine.device} is full.",
        "Ask for fewer pictures at once or a smaller sweep.",
    )


def _unexpected(error: Exception) -> Diagnostic:
    return Diagnostic(
        "R006",
        f"The run ended by an error of the program ({type(error).__name__}); the log has the rest.",
        "Earlier results are whole. Please report it with the workflow file.",
    )
