"""What every test stands on: shapes are checked, and torch keeps to one thread.

The tensors of most tests are small: a second thread costs them more than it gives, far more on a
machine that is busy otherwise. Where two processes share the tests, one of them has the browser to
itself, and a file is never divided, so that what its tests share is made once.
"""

import os

import pytest
import torch

from tests import shapes

torch.set_num_threads(1)
shapes.install("graph")


@pytest.hookimpl(tryfirst=True)  # what shares them reads the groups in this hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group them for `-n 2 --dist loadgroup`: stories in the browser take longest and begin."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    for item in items:
        story = item.get_closest_marker("browser") is not None
        item.add_marker(pytest.mark.xdist_group("browser" if story else str(item.path)))
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
