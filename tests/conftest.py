"""What every test stands on: shapes are checked and torch keeps to one thread per worker."""

from tests import shapes

shapes.install("graph")
