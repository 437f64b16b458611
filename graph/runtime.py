"""The runtime: loads experts, encodes conditions, plays a plan and finishes its pictures."""

from __future__ import annotations

import logging
import operator
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

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
from graph.controls import Controls
from graph.ensemble import Ensemble, assemble
from graph.errors import ChoraleError, Diagnostic
from graph.events import Event, Failure, Performance, Result
from graph.interfaces import Adapter, Checkpoint, Expert, Likelihood, Modulator, Reader, Step
from graph.levels import CLEAN
from graph.library import Library
from graph.loop import play
from graph.machine import Machine, Placement
from graph.pictures import prepare
from graph.plan import Asked, Asset, Choice, Condition, Plan, Value
from graph.preview import Watch, plain
from graph.scores import Encoded, Track, weights
from graph.twins import Deltas, Tuned
from graph.windows import Windows

log = logging.getLogger("chorale")
KEPT_CONDITIONS = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network with what was known of its folder when it was loaded; None for a formula."""

    source: object
    network: Any


@dataclass(slots=True)
class Runtime:
    """Keeps networks and encoded conditions between runs: moving a fader re-encodes nothing."""

    library: Library
    machine: Machine = field(default_factory=Machine.best)
    placement: Placement = field(default_factory=Placement)
    _loaded: dict[str, Loaded] = field(default_factory=dict[str, Loaded])
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
        assemble(plan, self)

    def expert(self, choice: Value) -> tuple[str, Expert]:
        """The expert called for by a plan, with the name of its network.

        Loaded once, and again when the files of its folder have changed since.
        """
        name = str(choice)
        model = None if isinstance(choice, Choice) else self.library.model(name)
        machine = self.placement.machine(name, self.machine)
        return name, self._kept(name, model, lambda: load_expert(choice, self.library, machine))

    def modulator(self, name: str) -> Modulator:
        """The modulator of that name, loaded as experts are."""
        companion = self.library.companion(name)
        return self._kept(name, companion, lambda: load_modulator(companion, self.machine))

    def adapter(self, name: str, expert: str) -> Adapter:
        """The adapter of that name, loaded as experts are, where the expert that it tells runs."""
        companion = self.library.companion(name)
        machine = self.placement.machine(expert, self.machine)
        key = f"{name} on {machine.device}"
        return self._kept(key, companion, lambda: load_adapter(companion, machine))

    def tuned(self, network: str, expert: Expert, loras: tuple[str, ...]) -> tuple[str, Tuned]:
        """The expert with LoRAs, its weights shared, and its name.

        Made once, and again when the expert or a file has changed since. ChoraleError M040 for a
        LoRA that was made for other networks.
        """
        if not isinstance(expert, Checkpoint):
            raise TypeError(f"{type(expert).__name__} has no networks that a LoRA changes")
        deltas: dict[str, Deltas] = {}
        with torch.inference_mode(False), torch.no_grad():
            for name in loras:
                lora = self.library.lora(name)
                load = partial(load_deltas, lora, network, expert)
                deltas[name] = self._kept(f"{name} for {network}", (expert, lora), load)
            key = f"{network} with {', '.join(loras)}"
            made = self._kept(key, (expert, *deltas.values()), lambda: Tuned(expert, deltas))
        return key, made

    def likelihood(self, name: str) -> Likelihood:
        """The model of that name that guides, loaded as experts are."""
        companion = self.library.companion(name)
        return self._kept(name, companion, lambda: load_likelihood(companion, self.machine))

    def _kept(self, name: str, source: object, load: Callable[[], Any]) -> Any:
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded is None or not _same(loaded.source, source):
                loaded = self._loaded[name] = Loaded(source, load())
                for key in [key for key in self._encoded if key.startswith(f"{name}|")]:
                    del self._encoded[key]
            return loaded.network

    def encode(
        self,
        network: str,
        reader: Reader,
        condition: Asked,
        windows: Windows | None = None,
    ) -> Encoded:
        """The condition as this reader's tensors; kept, so that equal conditions cost once.

        Of a picture every window is given its part. Of several things at once the reader is given
        a mapping, by their kinds.
        """
        key = f"{network}|{condition!r}|{windows!r}"
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
        "Ask for fewer pictures at once or a smaller sweep.",
    )


def _unexpected(error: Exception) -> Diagnostic:
    return Diagnostic(
        "R006",
        f"The run ended by an error of the program ({type(error).__name__}); the log has the rest.",
        "Earlier results are whole. Please report it with the workflow file.",
    )
