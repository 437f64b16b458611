"""A second device that this host does not have: it computes, and mixing it with the CPU raises.

Its tensors say that they are on `meta`, and hold numbers nevertheless.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

SECOND = torch.device("meta")
aten = torch.ops.aten
MIXED = (
    *(aten._to_copy.default, aten.copy_.default, aten.to.device, aten.to.dtype_layout),
    aten.index.Tensor,
)
"""What may be given tensors of two devices: copies, and an index from the host."""


class There(Tensor):
    """A tensor of the second device, whose numbers are in `here`."""

    here: Tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Outside of the mode as within."""
        return run(func, args, kwargs or {})


def sent(here: Tensor) -> There:
    """Say of numbers that they are on the second device."""
    with torch.inference_mode(False):  # a view of a parameter is no inference tensor
        there: There = Tensor._make_wrapper_subclass(
            There, here.shape, here.stride(), dtype=here.dtype, device=SECOND
        )
    there.here = here
    return there


class Written(TorchFunctionMode):
    """Numbers and indices that are written down as lists, which never reach the other mode."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One call."""
        told = dict(kwargs or {})
        if func is torch.tensor and torch.device(told.get("device") or "cpu") == SECOND:
            return sent(func(*args, **{**told, "device": None}))
        if func is Tensor.__getitem__ and isinstance(args[0], There) and isinstance(args[1], tuple):
            listed = [torch.tensor(at) if isinstance(at, list) else at for at in args[1]]
            return func(args[0], tuple(listed))
        return func(*args, **told)


class TwoDevices(TorchDispatchMode):
    """Within it, what is made or copied for the second device goes there."""

    def __enter__(self) -> Self:
        """Both modes."""
        self.written = Written()
        self.written.__enter__()
        return super().__enter__()

    def __exit__(self, *raised: object) -> None:
        """Both modes."""
        super().__exit__(*raised)
        self.written.__exit__(*raised)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation."""
        return run(func, args, kwargs or {})


def run(func: Any, args: Any, kwargs: Any) -> Any:
    """One operation, on the device of its tensors; numbers of no dimension go with any."""
    given = tree_flatten((args, kwargs))[0]
    tensors = [each for each in given if isinstance(each, Tensor)]
    there = any(isinstance(each, There) for each in tensors)
    if any(each.device == SECOND and not isinstance(each, There) for each in tensors):
        raise RuntimeError(f"{func}: a tensor on the second device has no numbers")
    if there and func not in MIXED:
        astray = [each for each in tensors if not isinstance(each, There) and each.ndim]
        if astray:
            raise RuntimeError(f"{func}: all tensors are to be on the same device")
    for each in given:
        if isinstance(each, torch.device):
            there = each.type == SECOND.type
    if func is aten.copy_.default:
        there = isinstance(args[0], There)
    args, kwargs = tree_map(_here, (args, kwargs))
    answer = func(*args, **kwargs)
    if not there:
        return answer
    return tree_map(lambda each: sent(each) if isinstance(each, Tensor) else each, answer)


def _here(each: Any) -> Any:
    """The numbers of a tensor, and for a device the one that they are on."""
    if isinstance(each, There):
        return each.here
    return torch.device("cpu") if isinstance(each, torch.device) else each
