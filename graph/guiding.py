"""Guiding: estimates bent by the gradients of likelihoods, where autograd is at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from graph.codec import Codec
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.reliability import Weight
from graph.scores import Guided

Draw = Callable[[], Tensor]


@dataclass(slots=True)
class Sight:
    """What the likelihoods of one evaluation look at: a state is decoded once, a model asked once.

    Of the state and of every estimate that is guided it holds a tensor that carries gradients.
    """

    level: NoiseLevel
    _leaves: dict[int, tuple[Tensor, Tensor]] = field(
        default_factory=dict[int, tuple[Tensor, Tensor]]
    )
    _pictures: dict[tuple[int, int], Tensor] = field(default_factory=dict[tuple[int, int], Tensor])
    _answers: dict[tuple[int, str], Any] = field(default_factory=dict[tuple[int, str], Any])

    def leaf(self, value: Tensor) -> Tensor:
        """The value as a tensor that a gradient can be taken at; the same one every time."""
        if value.requires_grad:
            self._leaves.setdefault(id(value), (value, value))
        elif id(value) not in self._leaves:
            self._leaves[id(value)] = (value, value.clone().requires_grad_())
        return self._leaves[id(value)][1]

    def answer(self, score: Guided, seen: Tensor) -> Any:
        """What the score's network answers to the picture of a state or estimate."""
        if not any(seen is leaf for _, leaf in self._leaves.values()):
            return score.likelihood.read(picture(score.codec, seen), self.level)
        shown = (id(seen), id(score.codec))
        if shown not in self._pictures:
            self._pictures[shown] = picture(score.codec, seen)
        key = (id(seen), score.network)
        if key not in self._answers:
            self._answers[key] = score.likelihood.read(self._pictures[shown], self.level)
        return self._answers[key]


@dataclass(frozen=True, slots=True)
class Sighted:
    """The likelihood of one guided score, as its method asks it."""

    score: Guided
    sight: Sight

    def log_density(self, seen: Tensor) -> Tensor:
        """log p(y | seen) of every sample."""
        score = self.score
        answer = self.sight.answer(score, seen)
        return score.likelihood.log_density(answer, score.target.spread(len(seen))).to(seen)

    def slope(self, values: Tensor, at: Tensor) -> Tensor:
        """The gradient of every sample's value; samples do not depend on one another."""
        (found,) = torch.autograd.grad(
            values.sum(), at, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return found


def picture(codec: Codec | None, state: Tensor) -> Tensor:
    """What a model is shown of a state or estimate: pictures between −1 and 1."""
    return state if codec is None else codec.pixels(state)


def guided(
    x: Tensor,
    sight: Sight,
    asked: Mapping[int, Guided],
    seen: Mapping[int, Estimate],
    before: Mapping[int, Estimate],
    weights: Mapping[str, Weight],
    draws: Callable[[str], Draw],
) -> dict[int, Estimate]:
    """The estimates `before` bent by D' = D + w·change; their nulls stay.

    A change is worked out on the estimate that is `seen`: of several guidances around one score
    all see what it is without any of them, so that their order says nothing and likelihoods
    multiply (docs/decisions/0010-where-guidance-takes-its-gradient.md). At clean nothing is bent.
    """
    if sight.level.sigma == 0.0:
        return dict(before)
    after: dict[int, Estimate] = {}
    for i, score in asked.items():
        with torch.inference_mode(False), torch.enable_grad():
            at, clean = sight.leaf(x), sight.leaf(seen[i].denoised)
            aim, draw = Sighted(score, sight), draws(score.node)
            change = score.method.change(at, sight.level, clean, aim, draw).detach()
        heard = weights[score.node].tensor(x) * change
        after[i] = Estimate(before[i].denoised + heard, before[i].null)
    return after
