"""The node: one pydantic declaration that gives form, JSON schema, validation and lowering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from graph.plan import Condition, Control, ControlKind, PlanBuilder, Ref, Value
from graph.ports import Port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graph.errors import Diagnostic
    from graph.library import Library, Model, Space


@dataclass(frozen=True, slots=True)
class Live:
    """Marks a setting as a control: it can be moved while the run plays.

    `widget` tells the page how to draw it.
    """

    kind: ControlKind = "number"
    widget: str = "fader"

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Tell the page that the setting is live."""
        return {**handler(schema), "live": self.kind, "widget": self.widget}


@dataclass(frozen=True, slots=True)
class Widget:
    """Tells the page how to draw a setting that its type does not show."""

    name: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Name the widget."""
        return {**handler(schema), "widget": self.name}


@dataclass(frozen=True, slots=True)
class Sampling:
    """What travels on a sampling wire: sampler, corrector, noise schedule, steps, seed, count.

    `wide` says how many times as wide as the experts' canvas the picture is, `width` and `height`
    how many pixels that has; 0 is their own. `start` is the picture that it starts from, if any,
    and `strength` how much of the steps is taken then; `where` is the region that may change.
    """

    sampler: Value
    schedule: Value
    steps: int
    seed: int
    count: int
    corrector: Value
    wide: int = 1
    width: int = 0
    height: int = 0
    start: Condition | None = None
    strength: float = 1.0
    where: Condition | None = None


Carried = Condition | Ref | Sampling | tuple[Value, ...]
"""What a wire carries while nodes are lowered; reliabilities are tuples of factors."""


@dataclass(frozen=True, slots=True)
class Wired:
    """What arrives at a node's inputs while it is lowered."""

    node: str
    library: Library
    values: Mapping[str, tuple[Carried, ...]]
    spaces: Mapping[str, tuple[Space, ...]]

    def all(self, port: str) -> tuple[Any, ...]:
        """Everything wired to `port`, in order."""
        return self.values.get(port, ())

    def one(self, port: str) -> Any | None:
        """The value wired to `port`, or None."""
        return next(iter(self.all(port)), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A node where it stands: what it is called, what is known, and what is wired to it.

    `sources[port]` holds the title and the declaration of every node wired to `port`, in order;
    `spaces[port]` the latent spaces of the scores that arrive there, where they can be told.
    `sizes` are what the pictures that it leads to are to have, as `Node.asked_size` says it.
    """

    title: str
    library: Library
    sources: Mapping[str, tuple[tuple[str, Node], ...]]
    spaces: Mapping[str, tuple[Space, ...]]
    sizes: tuple[tuple[int, int], ...] = ((0, 0),)

    def canvases(self, own: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """The width and height that each of those has, from a model's own canvas."""
        return tuple((width or own[0], height or own[1]) for width, height in self.sizes)

    def all(self, port: str) -> tuple[tuple[str, Node], ...]:
        """Title and declaration of everything wired to `port`."""
        return self.sources.get(port, ())


class Node(BaseModel, ABC):
    """Fields are settings, ports are sockets; the docstring is the help that the page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    type: ClassVar[str]
    """The word in workflow files; permanent."""
    version: ClassVar[int] = 1
    label: ClassVar[str]
    family: ClassVar[str]
    """Heading under which the page lists it."""
    synonyms: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[tuple[Port, ...]] = ()
    outputs: ClassVar[tuple[Port, ...]] = ()
    ports: ClassVar[Literal["fixed", "definition"]] = "fixed"
    """Whether its ports are those named here, or those of the drawing that its settings name."""
    spans: ClassVar[bool] = False
    """Whether the scores that it takes may live in different latent spaces."""
    track: ClassVar[bool] = False
    """Whether it ends a track: only what leads to such a node is compiled."""

    @property
    def asked_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of the pictures that it samples; 0 is the experts' own."""
        return None

    @property
    def asked_times(self) -> int:
        """How many times as wide as the experts' canvas the pictures are that it samples."""
        return 1

    @abstractmethod
    def lower(self, plan: PlanBuilder, wired: Wired) -> Mapping[str, Carried]:
        """Add this node's operations; return what each output port carries."""

    def space(self, library: Library, incoming: Sequence[Space]) -> Space | None:
        """The latent space of the score that leaves this node; by default the one that came in."""
        return incoming[0] if incoming else None

    def expert(self, library: Library) -> Model | None:
        """The model that it asks; None for what asks none. ChoraleError if it is not there."""
        return None

    def check(self, place: Place) -> Iterator[Diagnostic]:
        """What the settings alone do not show: models that are missing, or unknown words."""
        yield from ()

    def files(self) -> Iterator[str]:
        """The sha256 names of the stored pictures that the settings name."""
        yield from ()

    def sounds(self) -> Iterator[str]:
        """The sha256 names of the stored sounds that the settings name."""
        yield from ()

    def control(self, node: str, name: str) -> Control:
        """The live setting `name` of this node as a control of the plan."""
        kind, low, high = _live(type(self), name)
        return Control(f"{node}.{name}", kind, getattr(self, name), low, high)


@cache
def _live(declared: type[Node], name: str) -> tuple[ControlKind, float | None, float | None]:
    """Kind and bounds of a live setting, from its field."""
    metadata = declared.model_fields[name].metadata
    live = next(item for item in metadata if isinstance(item, Live))
    bounds = {type(item).__name__: item for item in metadata}
    low, high = bounds.get("Ge"), bounds.get("Le")
    return (
        live.kind,
        float(low.ge) if low is not None else None,
        float(high.le) if high is not None else None,
    )
