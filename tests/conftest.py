"""What every test stands on: shapes are checked, and torch keeps to one thread.

The tensors of most tests are small: a second thread costs them more than it gives, far more on a
machine that is busy otherwise.
"""

import torch

from tests import shapes

torch.set_num_threads(1)
shapes.install("graph")
