"""The noise schedules of discrete variance-preserving models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graph.betas import BetaCurve, alphas_cumprod
from graph.errors import ChoraleError, Diagnostic
from graph.interfaces import NoiseSchedule
from graph.levels import CLEAN, NoiseLevel

DISTILLED = 50
"""Times of the teacher that a latent consistency model learned to jump between."""


class Discrete(NoiseSchedule):
    """Visits the very noise levels a Stable-Diffusion-like model was trained on.

    Equals the levels of diffusers' DDIMScheduler with the same words for its settings; with
    `skip_last`, those of DPMSolverMultistepScheduler. The last step goes to clean
    (set_alpha_to_one, final_sigmas_type zero). `zero_snr` is rescale_betas_zero_snr. Spacings:
    arXiv 2305.08891, table 2. The spacing `distilled` is that of LCMScheduler: times of the fifty
    that a latent consistency model was made of.
    """

    name: Literal["discrete"] = "discrete"
    curve: BetaCurve = Field(default="scaled_linear", description="The model's beta schedule.")
    beta_start: float = Field(default=0.00085, ge=1e-6, le=0.01, description="First beta.")
    beta_end: float = Field(default=0.012, ge=0.01, le=0.5, description="Last beta.")
    trained_times: int = Field(
        default=1000, ge=2, le=10_000, description="Number of times the model was trained on."
    )
    spacing: Literal["leading", "trailing", "linspace", "distilled"] = Field(
        default="trailing", description="How the visited times lie among the trained ones."
    )
    steps_offset: int = Field(
        default=0, ge=0, le=10, description="Added to every time of the leading spacing."
    )
    skip_last: bool = Field(
        default=False,
        description="Leading and linspace: place one time more and leave out the least noisy.",
    )
    zero_snr: bool = Field(
        default=False,
        description="The model's last trained time is pure noise: zero terminal SNR.",
    )

    def levels(self, steps: int) -> tuple[NoiseLevel, ...]:
        """The levels of the visited times, then clean; S001 if there are too few trained times."""
        return self.from_picture(steps, 1.0)

    def from_picture(self, steps: int, strength: float) -> tuple[NoiseLevel, ...]:
        """Those of the last times; S001 as for `levels`."""
        times = self.times(steps, strength)
        if len(set(times)) < len(times) or times[0] >= self.trained_times or times[-1] < 0:
            raise ChoraleError(
                Diagnostic(
                    "S001",
                    f"The noise schedule 'discrete' cannot place {steps} steps on the "
                    f"{self.trained_times} times its model was trained on.",
                    "Take fewer steps, or choose another noise schedule.",
                )
            )
        ends = self.beta_start, self.beta_end
        signal = alphas_cumprod(self.curve, *ends, self.trained_times, zero_snr=self.zero_snr)
        visited = (signal[time] for time in times)
        return (*(NoiseLevel(square**0.5, (1.0 - square) ** 0.5) for square in visited), CLEAN)

    def taken(self, steps: int, strength: float) -> int:
        """All, where a step may jump from anywhere: these are laid into the times that are left."""
        return steps if self.spacing == "distilled" else super().taken(steps, strength)

    def times(self, steps: int, strength: float = 1.0) -> tuple[int, ...]:
        """The visited times, falling, rounded as numpy does."""
        if self.spacing == "distilled":
            left = max(int(DISTILLED * strength), 1)
            kept = [(n + 1) * (self.trained_times // DISTILLED) - 1 for n in range(left)]
            return tuple(kept[-1 - i * left // steps] for i in range(steps))
        return self._times(steps)[steps - self.taken(steps, strength) :]

    def _times(self, steps: int) -> tuple[int, ...]:
        if self.spacing == "trailing":
            stride = self.trained_times - (self.trained_times - self.trained_times / steps)
            return tuple(round(self.trained_times - i * stride) - 1 for i in range(steps))
        count = steps + 1 if self.skip_last else steps
        if self.spacing == "leading":
            stride = self.trained_times // count
            rising = [i * stride + self.steps_offset for i in range(count)]
        else:
            stride = (self.trained_times - 1) / max(count - 1, 1)
            rising = [round(i * stride) for i in range(count)]
        return tuple(reversed(rising[1:] if self.skip_last else rising))
