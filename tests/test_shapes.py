import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from jaxtyping import TypeCheckError

import graph
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from tests.shapes import promises


def modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(graph.__path__, "graph."):
        yield importlib.import_module(info.name)


def fuse(background: torch.Tensor) -> torch.Tensor:
    x = torch.zeros(2, 3)
    level = NoiseLevel(alpha=0.6, sigma=0.8)
    estimate = Estimate(torch.ones(2, 3), torch.zeros(2, 3))
    return Product()(x, level, [estimate], [torch.ones(1, 1)], [1.0], background).denoised


def test_a_wrong_shape_is_refused_where_it_is_handed_over() -> None:
    assert fuse(torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(TypeCheckError, match="background"):
        fuse(torch.zeros(2, 4))


def test_a_wrong_kind_of_number_is_refused() -> None:
    with pytest.raises(TypeCheckError, match="background"):
        fuse(torch.zeros(2, 3, dtype=torch.int64))


def test_every_promise_of_shapes_is_checked() -> None:
    found = [(name, function) for module in modules() for _, name, function in promises(module)]
    assert len(found) >= 10
    assert [name for name, function in found if not hasattr(function, "__wrapped__")] == []
