"""What every test stands on: shapes are checked, and torch keeps to one thread.

The tensors of most tests are small: a second thread costs them more than it gives, far more on a
machine that is busy otherwise. Where two processes share the tests, one of them has the browser to
itself, and a file is never divided, so that what its tests share is made once.
"""

from pathlib import Path

import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import shapes

ROOT = Path(__file__).parent.parent

torch.set_num_threads(1)
shapes.install("graph")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """How two processes share the tests, `-n 2`: by files, the browser's as if they were one."""
    return Stories(config, log)


class Stories(LoadFileScheduling):
    """Keeps the stories in the browser together: two browsers would be in each other's way."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        story = "pytestmark = pytest.mark.browser" in (ROOT / file).read_text()
        return "browser" if story else file
