"""The abstract nouns of the loop: denoiser, expert, fusion rule, sampler, corrector, schedule.

Importing this module loads no torch: the families below it are declarations with settings
(pydantic models), so that the page can show their forms before torch is there.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel

from graph.errors import ChoraleError, Diagnostic
from graph.levels import CLEAN, NoiseLevel

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from torch import Tensor

    from graph.codec import Codec
    from graph.companions import Companion
    from graph.library import Model, Preview
    from graph.machine import Machine


@runtime_checkable
class Denoiser(Protocol):
    """The expected clean sample E[x0 | x] at a noise level, x = alpha·x0 + sigma·noise."""

    def __call__(self, x: Float[Tensor, "b *d"], level: NoiseLevel) -> Float[Tensor, "b *d"]:
        """Estimate the clean sample; same shape and type as `x`."""
        ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one score-carrying wire holds at a step.

    `denoised` is D(x | condition); `null` is the same network's D(x | no condition), or None
    where the expert has none. Both are [b, *d].
    """

    denoised: Tensor
    null: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """A fused estimate with its bookkeeping: denoised = base + terms.sum(0).

    `base` [b, *d] is what would be painted with every weight at zero, `terms` [k, b, *d] what each
    expert adds to it: meters, the attribution map and the conflict lamps are read from the terms.
    """

    base: Tensor
    terms: Tensor

    @property
    def denoised(self) -> Tensor:
        """The fused expected clean sample, [b, *d].

        Added term by term, so that a term of zeros leaves every bit as it is.
        """
        fused = self.base
        for term in self.terms:
            fused = fused + term
        return fused


@dataclass(frozen=True, slots=True)
class Coming:
    """The step that a sampler is about to take: from y = x/alpha it goes on to `level`.

    `noise()` [b, *d] is what the step will add to y besides following the score: the draw itself.
    """

    level: NoiseLevel
    noise: Callable[[], Tensor]


class Declared(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A family member that a node offers as a choice: its fields are its settings.

    `name` is the word in workflow files and in the plan; it equals the file's name.
    """

    name: str


class FusionRule(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """Merges k estimates made at the same (x, level). No device, no hidden state, no randomness.

    A rule that needs to know the path that led to x says in `follow` what is to be remembered.
    """

    needs_background: ClassVar[bool] = False
    """Whether the net weight must be completed to one by a background."""
    signed: ClassVar[bool] = True
    """Whether a weight below zero has a meaning: NOT."""
    most: ClassVar[int | None] = None
    """How many experts it can merge at once, where there is a bound."""

    diffusing: ClassVar[bool] = False
    """Whether what it follows is right only along the path of a sampler that diffuses."""
    multiplies: ClassVar[bool] = False
    """Whether it is D̂ = Σ kⱼ·Dⱼ with factors that no estimate changes: the score of Π pⱼ^kⱼ."""

    @property
    def mixes(self) -> bool:
        """Whether it draws from the mixture Σ wⱼ·pⱼ/Σw."""
        return False

    def turns(self, count: int) -> Sequence[tuple[float, float]]:
        """From what noise on, and down to what, each of `count` scores is heard; else it is silent.

        By default all are heard at every level. ChoraleError where that many cannot take turns.
        """
        return [(1.0, 0.0)] * count

    @property
    def compares_nulls(self) -> bool:
        """Whether it looks at the experts' nulls where a background is wired."""
        return False

    def follow(
        self,
        memory: Any,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
    ) -> tuple[Any, Sequence[Tensor | float]]:
        """What to remember of the path so far, and the weights that follow from it.

        Asked once for every state, before fusing; `memory` is what it gave for the state before,
        None at the start and after an expert has joined or left. By default nothing is remembered
        and the weights stand as they are.
        """
        return None, weights

    def foresee(
        self,
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        coming: Coming,
    ) -> Sequence[Tensor | float]:
        """The weights in view of the coming step; by default they stand as they are.

        Asked once for every state, after `follow` and with the weights that it gave.
        """
        return weights

    @abstractmethod
    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        estimates: Sequence[Estimate],
        weights: Sequence[Tensor | float],
        shares: Sequence[float],
        background: Float[Tensor, "b *d"] | None,
    ) -> Fused:
        """Fuse.

        `weights[i]` is a number or broadcasts against [b, *d] (one per sample, or a map);
        `shares[i]` is the expert's share of the background mix; `background` is a wired reference,
        else None.
        """


class GuidanceForm(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """Gives the guidance of a fusion another form: no device, no hidden state, no randomness.

    It is shown the same fusion twice: `guided` D̂, as the weights ask, and `plain` P, with the
    guidance of every expert at one (or minus one, below zero). Where P is D̂ there is no guidance
    and nothing to change, but by a form that `renoises`.
    """

    renoises: ClassVar[bool] = False
    """Whether it is right only for a sampler that says how it renoises: `Sampler.renoised`."""

    def follow(
        self,
        memory: Any,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
    ) -> Any:
        """What to remember of the path up to this state.

        `memory` is what it gave for the state before, None at the start and after an expert has
        joined or left. By default nothing is remembered.
        """
        return None

    @abstractmethod
    def __call__(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        guided: Fused,
        plain: Fused,
        memory: Any,
        gain: float,
    ) -> Fused:
        """The fusion in this form, with as many terms.

        `memory` is what `follow` gave for this state; `gain` is how far an estimate has to be
        overstated for the coming step to put back the noise of the background.
        """


@dataclass(frozen=True, slots=True)
class Step:
    """One finished update: the new state at `level` and the estimate that led there."""

    x: Tensor
    level: NoiseLevel
    denoised: Tensor


class Sampler(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """Yields a Step after every update; owns no model and draws noise only through `draw`."""

    order: ClassVar[int]
    """Order of convergence, held by a test: of the path against an exact flow, or, where it
    diffuses, of the law of its samples; 0 where no step has an error of its own."""
    calls_per_step: ClassVar[int] = 1
    restarts: ClassVar[bool] = False
    """Whether it takes each answer for a finished picture: right for consistency models alone."""

    @property
    def diffuses(self) -> bool:
        """Whether it follows the reverse diffusion, with all the fresh noise that this has."""
        return False

    def spread(self, here: NoiseLevel, there: NoiseLevel) -> float:
        """Deviation of the fresh noise that a step adds to y = x/alpha; its one draw is of that."""
        return 0.0

    def renoised(self, here: NoiseLevel, there: NoiseLevel) -> float | None:
        """c where a step is x' = alpha'·D + c·(x − alpha·D)/sigma, but for fresh noise; else None.

        `here` is not clean.
        """
        return None

    @abstractmethod
    def __call__(
        self,
        denoise: Denoiser,
        x: Float[Tensor, "b *d"],
        levels: Sequence[NoiseLevel],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Iterator[Step]:
        """Walk from levels[0] to levels[-1]; n+1 levels give n steps."""


@dataclass(frozen=True, slots=True)
class Part:
    """One density p of a composition at (x, level): its estimate, and its log where it is known.

    `log_density` gives [b, 1, …] in float64.
    """

    denoised: Tensor
    log_density: Callable[[], Tensor | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an ensemble answers at one state.

    `weighed(value)` is Σ kⱼ·value(pⱼ) over the densities of a composition Π pⱼ^kⱼ, where `value`
    gives [b, 1, …]. Only a rule that `multiplies` has it.
    """

    x: Tensor
    level: NoiseLevel
    denoised: Tensor
    weighed: Callable[[Callable[[Part], Tensor]], Tensor]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a corrector made of a state: the very same tensor where it left it alone.

    `memory` is handed to the next call; `readings` are shown while the run plays.
    """

    x: Tensor
    memory: Any = None
    readings: Mapping[str, float] = field(default_factory=dict[str, float])


class Corrector(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """Moves the state after every step of a sampler towards the density that the weights name.

    It owns no model, keeps no hidden state and draws only through `draw`, standard normal numbers
    of which every sample has its own.
    """

    needs: ClassVar[Literal["scores", "parts", "densities"]] = "scores"
    """What it asks of an ensemble: its fused score, the densities' own scores, or their logs."""
    diffusing: ClassVar[bool] = False
    """Whether it is right only along the path of a sampler that diffuses."""
    couples: ClassVar[bool] = False
    """Whether the samples of a batch are particles of one group, that replace one another."""

    @property
    def calls_per_step(self) -> int:
        """How often it asks the ensemble after a step."""
        return 0

    @abstractmethod
    def __call__(
        self,
        memory: Any,
        seen: Seen,
        step: Step,
        ask: Callable[[Float[Tensor, "b *d"], NoiseLevel], Seen],
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Corrected:
        """Correct the state `step.x`; called at every level, clean included.

        `seen` is what the sampler was answered where the step began; `memory` what the call before
        gave, None at first.
        """


class NoiseSchedule(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """The decreasing noise levels of a run."""

    @abstractmethod
    def levels(self, steps: int) -> tuple[NoiseLevel, ...]:
        """steps + 1 levels, strictly decreasing in ratio, ending clean (sigma = 0)."""

    def from_picture(self, steps: int, strength: float) -> tuple[NoiseLevel, ...]:
        """The levels of a run that starts from a picture: those of its last steps."""
        return self.levels(steps)[steps - self.taken(steps, strength) :]

    def taken(self, steps: int, strength: float) -> int:
        """How many of the steps such a run takes, at least one; `strength` is in [0, 1]."""
        return max(int(steps * strength), 1)


@runtime_checkable
class Aim(Protocol):
    """What a guidance method may ask of its likelihood; all of it can be differentiated."""

    def log_density(self, seen: Float[Tensor, "b *d"]) -> Float[Tensor, "b"]:
        """log p(y | seen) of every sample, at most 0."""
        ...

    def slope(self, values: Float[Tensor, "b"], at: Float[Tensor, "b *d"]) -> Float[Tensor, "b *d"]:
        """The gradient of every sample's value at `at`, which the values were worked out from."""
        ...


class GuidanceMethod(Declared, ABC):  # pyright: ignore[reportGeneralTypeIssues] - frozen is handed down
    """Makes of a likelihood a change of the estimate D: D' = D + w·change.

    The change is that of weight one; the loop multiplies it, so that silence leaves every bit.
    """

    through: ClassVar[bool] = False
    """Whether it needs ∇ through the experts: one backward pass of theirs a step."""

    @abstractmethod
    def change(
        self,
        x: Float[Tensor, "b *d"],
        level: NoiseLevel,
        clean: Float[Tensor, "b *d"],
        aim: Aim,
        draw: Callable[[], Float[Tensor, "b *d"]],
    ) -> Float[Tensor, "b *d"]:
        """The change of `clean`, the estimate made at (x, level); `level` is never clean.

        Both tensors carry gradients; `clean` depends on `x` only for a method that goes `through`.
        """


class Reader(Protocol):
    """Turns conditions into tensors: an expert, a modulator for one kind of map, a likelihood."""

    canvas: tuple[int, int] | None

    def encode(self, value: Any) -> Any:
        """The condition as tensors; called once per distinct condition."""
        ...


class Expert(ABC):
    """A frozen network, or a formula, that estimates the clean sample under a condition."""

    has_null: bool = True
    """Whether it can be asked without a condition."""
    codec: Codec | None = None
    """Turns its latents into pictures; None where the state is the picture itself."""
    canvas: tuple[int, int] | None = None
    """Width and height in pixels of its pictures, where it has a codec."""
    preview: Preview | None = None
    """The linear map from its latents to RGB, where its card has one."""
    device: torch.device | None = None
    """Where its network runs; a formula, None, is worked out where the state is."""

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """Turn a condition (sentence, PIL picture, class name) into tensors; None is no condition.

        Several things at once are a mapping by kind, without those that are absent. Called once per
        distinct condition; the result is cached.
        """

    @abstractmethod
    def denoise(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n *d"]:
        """One forward pass; `conditions[i]`, an encoded condition, belongs to sample x[i]."""

    def resized(self, canvas: tuple[int, int]) -> Self:
        """The same expert, its weights shared, for pictures of another width and height."""
        other = copy.copy(self)
        other.canvas = canvas
        return other

    def without(self, blocks: Sequence[int]) -> Expert:
        """The same expert, its weights shared, with blocks of its network left out: a weak twin.

        ChoraleError M026 where its network is no row of blocks, or has no such block.
        """
        raise ChoraleError(
            Diagnostic(
                "M026",
                "The network of this expert is no row of blocks of which some can be left out.",
                "Make the weak twin of an expert with a transformer, such as playground/text.",
            )
        )

    def log_density(
        self, x: Float[Tensor, "n *d"], level: NoiseLevel, conditions: Sequence[Any]
    ) -> Float[Tensor, "n"] | None:
        """log p(x | condition) of the noisy state, in float64; None where that is not known."""
        return None


class Checkpoint(Expert, ABC):
    """An expert loaded from a folder that diffusers wrote: one subclass per family of pipelines."""

    pipelines: ClassVar[tuple[str, ...]]
    """The pipeline classes (model_index.json's _class_name) that this family loads."""
    sized: ClassVar[bool] = False
    """Whether it paints at other sizes than its network's own."""

    @classmethod
    @abstractmethod
    def load(cls, model: Model, machine: Machine) -> Checkpoint:
        """Load the networks of `model` onto the machine's device, in its precision."""

    @property
    def _size(self) -> tuple[int, int]:
        """The canvas, which every checkpoint has."""
        if self.canvas is None:
            raise TypeError(f"{type(self).__name__} does not say how large its pictures are")
        return self.canvas

    def networks(self) -> Mapping[str, Any]:
        """Its networks that a LoRA may change, as the folder names them; by default none."""
        return {}

    def exchanged(self, networks: Mapping[str, Any]) -> Checkpoint:
        """The same expert with others, of the same names, in the places of its `networks`."""
        return self

    def _with(self, **attributes: Any) -> Self:
        """A copy in which these attributes are others."""
        other = copy.copy(self)
        vars(other).update(attributes)
        return other


@dataclass(frozen=True, slots=True)
class Asking:
    """How a conditional network is being asked: n states, their time, and what it is told of them.

    `added` is what it is given beside, by its own names. Of a transformer `blocks` says how many
    blocks hear an adapter, by the argument that takes it; `tokens()` is what its own first layer
    makes of the state, for an adapter that has none.
    """

    state: Float[Tensor, "n *d"]
    time: Float[Tensor, "n"]
    words: Float[Tensor, "n t d"]
    added: Mapping[str, Tensor] | None = None
    blocks: Mapping[str, int] = field(default_factory=dict[str, int])
    tokens: Callable[[], Tensor] | None = None


class Adapter(ABC):
    """A frozen module that tells a conditional network more, such as a map beside the sentence."""

    networks: ClassVar[tuple[str, ...]]
    """The network classes (config.json's _class_name) that this family loads."""
    shown_to_null: ClassVar[bool] = True
    """Whether the null hears the same picture, where it hears the adapter; else that of none."""

    @classmethod
    @abstractmethod
    def load(cls, companion: Companion, machine: Machine) -> Adapter:
        """Load the network of a folder."""

    @abstractmethod
    def encode(self, value: Any, canvas: tuple[int, int], codec: Codec | None = None) -> Any:
        """A picture, for an expert of this canvas (w, h), as a tensor or tensors of one sample.

        `codec` is the expert's, for those that see latents.
        """

    def told(self, asking: Asking, hints: Any) -> Mapping[str, list[Tensor]]:
        """What the network is to add to its own, by the argument that takes it, at weight one.

        `hints` are the encoded pictures of n samples, stacked. By default nothing.
        """
        return {}

    def within(self, unet: Any, hints: Any, weight: Tensor) -> AbstractContextManager[None]:
        """What else changes the UNet while it is asked; by default nothing does."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Tuning:
    """A LoRA by its name, which changes an expert's networks instead of telling them more."""

    name: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An adapter that is heard in a call for n samples: what it was shown, and how loudly.

    `hints[i]` belongs to sample i; `weight` is [n, 1, 1, 1] or, for a map, [n, 1, h, w].
    """

    adapter: Adapter | Tuning
    hints: Sequence[Any]
    weight: Tensor


class Adaptable(Checkpoint, ABC):
    """A checkpoint whose network can be told more by adapters."""

    @abstractmethod
    def denoise(
        self,
        x: Float[Tensor, "n *d"],
        level: NoiseLevel,
        conditions: Sequence[Any],
        heard: Sequence[Heard] = (),
    ) -> Float[Tensor, "n *d"]:
        """One forward pass, under what the adapters tell beside the conditions."""


class Modulator(ABC):
    """A small trained module that rewrites a frozen expert's prediction: v' = γ ⊙ v + ν.

    Multi-modal conditional modulation, arXiv 2302.12764, written for v instead of ε.
    """

    networks: ClassVar[tuple[str, ...]]
    """The network classes (config.json's _class_name) that this family loads."""

    @classmethod
    @abstractmethod
    def load(cls, companion: Companion, machine: Machine) -> Modulator:
        """Load the network of a folder."""

    @abstractmethod
    def reader(self, kind: str) -> Reader:
        """What reads a map of this kind as a tensor [c, h, w]."""

    @abstractmethod
    def stack(self, maps: Mapping[str, Tensor]) -> Tensor:
        """The maps that are there, by kind, as the one tensor [m, h, w] that `change` takes."""

    @abstractmethod
    def change(
        self,
        x: Float[Tensor, "n *d"],
        velocity: Float[Tensor, "n *d"],
        level: NoiseLevel,
        maps: Sequence[Tensor],
    ) -> Float[Tensor, "n *d"]:
        """v' − v = (γ − 1) ⊙ v + ν of n states; `maps[i]` belongs to x[i]."""


class Likelihood(ABC):
    """An off-the-shelf model that says how well a picture agrees with a target: log p(y | picture).

    It has no denoiser of its own; its gradient bends one.
    """

    networks: ClassVar[tuple[str, ...]]
    """How the names of the network classes (config.json's architectures) end that it loads."""
    canvas: tuple[int, int] | None = None
    """Width and height of the pictures that are targets, where there are such."""

    @classmethod
    @abstractmethod
    def load(cls, companion: Companion, machine: Machine) -> Likelihood:
        """Load the network of a folder."""

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """The target, as `log_density` takes it; called once per distinct target."""

    @abstractmethod
    def read(self, pictures: Float[Tensor, "b c h w"], level: NoiseLevel = CLEAN) -> Any:
        """What the network answers to pictures between −1 and 1, in one forward pass.

        One that was taught noise answers as for pictures of this level.
        """

    @abstractmethod
    def log_density(self, answer: Any, targets: Sequence[Any]) -> Float[Tensor, "b"]:
        """log p(y | picture), at most 0, of the answer to b pictures; `targets[i]` belongs to i."""

    @abstractmethod
    def divergence(self, answer: Any, teacher: Any) -> Float[Tensor, "b"]:
        """How far its answer is from what another network answered to the same pictures, clean.

        A guidance expert is taught by it, without labels (arXiv 2212.05973).
        """
