"""What ends a training before its time."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass
class Stop:
    """Set by a person, or by the end of the process `parent` that asked for the training.

    It is `patient` while there is something that an end at once would lose.
    """

    parent: int | None = None
    asked: bool = False
    patient: bool = False

    def is_set(self) -> bool:
        """Whether the training is to end at its next step."""
        return self.asked or (self.parent is not None and os.getppid() != self.parent)
