"""The noise schedule that is even in log-SNR."""

from __future__ import annotations

import math


def log_snr(steps: int, log_snr_min: float, log_snr_max: float) -> list[tuple[float, float]]:
    """Levels (alpha, sigma) whose log(alpha²/sigma²) rises evenly, then clean.

    Lu et al., arXiv 2206.00927, section 3.4.
    """
    reach = log_snr_max - log_snr_min
    shares = [index / max(steps - 1, 1) for index in range(steps)]
    ratios = [math.exp(-0.5 * (log_snr_min + share * reach)) for share in shares]
    return [(1 / math.hypot(1, r), r / math.hypot(1, r)) for r in ratios] + [(1.0, 0.0)]
