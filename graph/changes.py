"""Changes of layers: what files of LoRA and its kin add to a weight, told by shapes alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graph.bfl import Rows

Shape = tuple[int, ...]
KINDS = {"lora": "LoRA", "loha": "LoHa", "lokr": "LoKr", "diff": "full difference", "": "bias"}
"""The kinds of change, as people call them; the last changes no weight."""
_BOTH = frozenset({"w1_a", "w1_b", "w2_a", "w2_b"})
FACTORS: Mapping[str, tuple[frozenset[str], ...]] = {
    "lora": (frozenset({"down", "up"}), frozenset({"down", "up", "mid"})),
    "loha": (_BOTH, _BOTH | {"t1", "t2"}),
    "lokr": tuple(
        frozenset({*first, *second})
        for first in (("w1",), ("w1_a", "w1_b"))
        for second in (("w2",), ("w2_a", "w2_b"), ("w2_a", "w2_b", "t2"))
    ),
    "diff": (frozenset({"diff"}),),
    "": (frozenset(),),
}
"""What a change of each kind is made of, in every form of it."""
BESIDE = ("magnitude", "scale", "bias")
"""What any kind may have beside its factors: how long rows are, or columns, and a bias."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one layer is changed: W + alpha/rank·ΔW, where the factors make ΔW (docs/lora.md).

    lora: up·down, or a core mid between them. loha: (w1_a·w1_b) ∘ (w2_a·w2_b). lokr: w1 ⊗ w2, each
    of them whole or w_a·w_b. With a core t a factor of a kernel is t ×₁ w_a ×₂ w_b. diff: ΔW.

    `keys` are those of the file, by factor, and `shapes` what they have there. `alpha` is the key
    of a stored number, a number, or None for the rank itself. `rows` are those of ΔW that are for
    this layer.
    """

    layer: str
    kind: str
    keys: Mapping[str, str]
    shapes: Mapping[str, Shape]
    alpha: str | float | None = None
    rows: Rows = ()

    @property
    def factors(self) -> frozenset[str]:
        """What ΔW is made of."""
        return frozenset(self.keys) - {*BESIDE}

    @property
    def decomposed(self) -> bool:
        """Whether it says how long rows or columns are that the sum has (DoRA)."""
        return "magnitude" in self.keys or "scale" in self.keys

    @property
    def told(self) -> Shape:
        """The shape of the lengths, of a decomposed weight; of another ()."""
        return self.shapes.get("magnitude") or self.shapes.get("scale", ())

    @property
    def rank(self) -> int | None:
        """What alpha is divided by; None where it does not count, as LyCORIS has it.

        Of LoKr with both factors whole, lycoris/modules/lokr.py sets the scale to one.
        """
        if self.kind == "lora":
            return self.shapes["down"][0]
        inner = self.shapes.get("w1_b") or self.shapes.get("w2_b")
        return inner[0] if inner else None

    @property
    def shape(self) -> Shape:
        """What ΔW has, or the bias where there is no ΔW; ValueError if factors do not fit."""
        shapes = self.shapes
        if self.kind == "diff":
            return shapes["diff"]
        if self.kind == "":
            return shapes["bias"]
        if self.kind == "lora":
            down, up, mid = (shapes.get(each) for each in ("down", "up", "mid"))
            down = down if mid is None else _point(down)
            return _product(_point(up), down, mid, turned=False)
        first, second = _factor(shapes, 1), _factor(shapes, 2)
        if self.kind == "loha":
            if first != second:
                raise ValueError(first, second)
            return first
        (left, across), (rows, columns, *kernel) = first, second
        return (left * rows, across * columns, *kernel)

    def fits(self, weight: Sequence[int]) -> bool:
        """Whether it changes a weight of this shape, of a matrix or a kernel."""
        whole, (rows, columns, *kernel) = self.shape, weight
        if self.kind in ("loha", "lokr") and len(whole) == 2:
            same = whole == (rows, math.prod(weight[1:]))  # kernels are written as matrices
        elif self.kind == "":
            same = True
        else:
            same = whole[:2] == (rows, columns) and sides(whole[2:]) == sides(kernel)
        bias = self.shapes.get("bias", (rows,))
        return same and bias == (rows,) and (not self.decomposed or self.axis(weight) is not None)

    def axis(self, weight: Sequence[int]) -> int | None:
        """Of which a decomposed weight has its lengths: 0 for rows, 1 for columns, or neither.

        peft has rows. LyCORIS has columns, of the shape [1, columns, …], or rows, [rows, 1, …].
        """
        told, (rows, columns, *_) = self.told, weight
        length = math.prod(told)
        if length == rows and ("magnitude" in self.shapes or told[0] == rows):
            return 0
        return 1 if "scale" in self.shapes and told[:2] == (1, columns) == (1, length) else None


def sides(kernel: Sequence[int]) -> Shape:
    """The sides of a kernel; of a point, as of a matrix, none."""
    return () if all(side == 1 for side in kernel) else tuple(kernel)


def _factor(shapes: Mapping[str, Shape], number: int) -> Shape:
    """What the first or second factor has, whole or as a product."""
    if whole := shapes.get(f"w{number}"):
        return whole
    left, right, core = (
        shapes.get(f"{each}") for each in (f"w{number}_a", f"w{number}_b", f"t{number}")
    )
    return _product(left, right, core)


def _product(
    left: Shape | None, right: Shape | None, core: Shape | None, *, turned: bool = True
) -> Shape:
    """The shape of left·right, or of a core between them, before which left is `turned`."""
    match core, left, right:
        case None, (rows, rank), (inner, *rest) if rank == inner:
            return (rows, *rest)
        case (first, second, high, wide), (one, other), (inner, columns) if inner == second:
            rank, rows = (one, other) if turned else (other, one)
            if rank == first:
                return (rows, columns, high, wide)
        case _:
            pass
    raise ValueError(left, core, right)


def _point(shape: Shape | None) -> Shape | None:
    """The shape of a kernel of one point as a matrix has it."""
    return shape if shape is None or sides(shape[2:]) else shape[:2]
