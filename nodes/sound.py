"""Sound: a recording, and its loudness as a reliability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from graph.errors import ChoraleError, Diagnostic
from graph.node import Carried, Node, Place, Widget, Wired
from graph.plan import Asset, Condition, Envelope, PlanBuilder
from graph.ports import Kind, Port
from graph.sounds import SILENCE
from nodes.drawn import STORED
from nodes.reliability import OUT


class Audio(Node):
    """A recorded or uploaded sound, of up to a minute.

    WAV, FLAC and OGG files are read; several channels are mixed down.
    """

    type: ClassVar[str] = "audio"
    label: ClassVar[str] = "Audio"
    family: ClassVar[str] = "Conditions"
    synonyms: ClassVar[tuple[str, ...]] = ("sound", "recording", "microphone", "music", "voice")
    outputs: ClassVar[tuple[Port, ...]] = (Port("audio", Kind.AUDIO, "The sound."),)

    file: Annotated[str, Widget("audio")] = Field(
        default="",
        pattern=STORED,
        description="The stored sound, by the sha256 name of its file; empty while there is none.",
    )

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The sound as a condition."""
        return {"audio": Condition(Kind.AUDIO.value, Asset(self.file))}

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """Whether there is a sound, and something to be heard in it."""
        if not self.file:
            yield Diagnostic("A009", f"'{place.title}' is empty.", "Record or choose a sound.")
            return
        try:
            silent = place.library.sound(self.file).peak < SILENCE
        except ChoraleError:
            return  # the check of files says what is wrong with it
        if silent:
            yield Diagnostic(
                "A016",
                f"The sound of '{place.title}' is silent.",
                "Record it again nearer to the microphone, or choose another.",
                severity="warning",
            )

    def sounds(self) -> Iterator[str]:
        """The sound."""
        if self.file:
            yield self.file


class Loudness(Node):
    """A reliability that follows how loud a sound is, from the first step to the last.

    The sound is laid over the run; its loudest moment counts as high, silence as low.
    """

    type: ClassVar[str] = "loudness"
    label: ClassVar[str] = "Loudness"
    family: ClassVar[str] = "Reliability"
    synonyms: ClassVar[tuple[str, ...]] = ("envelope", "follower", "volume", "RMS", "sound")
    inputs: ClassVar[tuple[Port, ...]] = (Port("audio", Kind.AUDIO, "The sound to follow."),)
    outputs: ClassVar[tuple[Port, ...]] = OUT

    window: int = Field(
        default=100,
        ge=5,
        le=5_000,
        description="Milliseconds over which loudness is measured; longer is smoother.",
    )
    low: float = Field(default=0.0, ge=0.0, le=4.0, description="Factor where it is silent.")
    high: float = Field(default=1.0, ge=0.0, le=4.0, description="Factor where it is loudest.")

    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """The sound's envelope as a factor; it becomes a curve when the steps are known."""
        sound: Any = wired.one("audio")
        name = f"{wired.node}.curve"
        return {
            "reliability": (Envelope(name, sound.value, 1e-3 * self.window, self.low, self.high),)
        }
