"""The noise schedule that is even in log-SNR."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from graph.interfaces import NoiseSchedule
from graph.levels import CLEAN, NoiseLevel


class LogSnr(NoiseSchedule):
    """Falls by the same factor at every step; suits DPM-Solver++ and few steps.

    log(alpha²/sigma²) rises evenly from `log_snr_min` to `log_snr_max`, then to clean (Lu et al.,
    arXiv 2206.00927, section 3.4).
    """

    name: Literal["log_snr"] = "log_snr"
    log_snr_min: float = Field(
        default=-10.0, ge=-25.0, le=-1.0, description="log(alpha²/sigma²) of the start."
    )
    log_snr_max: float = Field(
        default=10.0,
        ge=1.0,
        le=25.0,
        description="log(alpha²/sigma²) of the last step before clean.",
    )

    def levels(self, steps: int) -> tuple[NoiseLevel, ...]:
        """`steps` log-SNRs from log_snr_min to log_snr_max, then clean."""
        reach = self.log_snr_max - self.log_snr_min
        shares = (index / max(steps - 1, 1) for index in range(steps))
        log_snrs = (self.log_snr_min + share * reach for share in shares)
        return (*map(NoiseLevel.from_log_snr, log_snrs), CLEAN)
