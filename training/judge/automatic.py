"""`python app.py judge automatic`: weights that a run finds by itself, beside those of a hand."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graph.background import inner
from graph.fusion.product import Product
from graph.interfaces import Estimate
from graph.levels import NoiseLevel
from graph.randomness import Draws
from graph.samplers.dpmpp_2m import Dpmpp2M
from graph.schedules.log_snr import LogSnr
from training.budget import RUNS
from training.judge.conditions import DRAW, Conditions, conditions, from_images
from training.judge.conflict import APART, contradicted
from training.judge.ensemble import Cast
from training.judge.facts import stated
from training.judge.intervals import interval
from training.judge.measure import BLOCK, Bench
from training.judge.opening import open_bench
from training.judge.rows import GUIDANCE, TOGETHER
from training.judge.sight import look
from training.judge.verdict import Verdict, joined, judged
from training.world import caption, scene_of
from training.world.classes import CLASS_INDEX

EXPERTS = ("text", "mask")
HAND = tuple(GUIDANCE[name] * TOGETHER for name in EXPERTS)
EQUAL = sum(HAND) / len(HAND)
SUNNY = 12
"""From so many pixels on a mask shows the sun."""
REACH = 0.02
"""Length of the finite difference by which a Jacobian is probed, as a part of the noise."""
Figure = tuple[float, float, float]
Weigh = Callable[["Asked"], Sequence[Tensor]]


@dataclass(frozen=True)
class Asked:
    """What the experts answered at a state, and how to ask them at another.

    Attributes:
        x, level: the state.
        told, nulls: with and without their condition, one for each expert.
        again: both at another state.
        draw: signs of a probe, ±1 everywhere.
    """

    x: Tensor
    level: NoiseLevel
    told: Sequence[Tensor]
    nulls: Sequence[Tensor]
    again: Callable[[Tensor], tuple[Sequence[Tensor], Sequence[Tensor]]]
    draw: Tensor


def equal(asked: Asked) -> Sequence[Tensor]:
    """The same weight for all."""
    return [asked.x.new_tensor(EQUAL)] * len(asked.told)


def by_hand(asked: Asked) -> Sequence[Tensor]:
    """The weights that were searched for each expert alone, at the share that serves a product."""
    return [asked.x.new_tensor(weight) for weight in HAND]


def by_entropy(asked: Asked) -> Sequence[Tensor]:
    """As much as the condition narrows down what the expert expects: βᵢ = ½·log(vᵢ(∅)/vᵢ).

    v is the variance of the clean sample per number, sigma²/alpha·tr(∂D/∂x)/d, of which one probe z
    of signs finds ⟨z, D(x + h·z) − D(x)⟩/(h·d) (Hutchinson 1989; the rule of Cao and Fleet, arXiv
    1410.7827). The weights keep the sum that equal ones have.
    """
    step = REACH * asked.level.sigma
    told, nulls = asked.again(asked.x + step * asked.draw)
    pairs = zip(told, asked.told, nulls, asked.nulls, strict=True)
    gains = [
        0.5 * (_spread(b2 - b1, asked) / _spread(a2 - a1, asked)).log().clamp_min(0.0)
        for a2, a1, b2, b1 in pairs
    ]
    total = torch.stack(gains).sum(0)
    return [
        torch.where(total > 0.0, EQUAL * len(gains) * gain / total.clamp_min(1e-6), EQUAL)
        for gain in gains
    ]


def by_conflict(asked: Asked) -> Sequence[Tensor]:
    """Less where they disagree: equal weights times (1 + cos)/2 of the two directions."""
    one, other = (told - null for told, null in zip(asked.told, asked.nulls, strict=True))
    cosine = inner(one, other) / (inner(one, one) * inner(other, other)).sqrt().clamp_min(1e-12)
    return [(EQUAL * (1.0 + cosine) / 2).to(asked.x)] * 2


WAYS: dict[str, Weigh] = {
    "equal": equal,
    "by hand": by_hand,
    "entropy, one probe": by_entropy,
    "conflict": by_conflict,
}


def main(argv: Sequence[str]) -> int:
    """Print what was measured; returns the exit status."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    blocks = list(mixed(options.conditions))
    print(told({name: measured(bench, blocks, weigh) for name, weigh in WAYS.items()}))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge automatic", description=__doc__)
    root.add_argument("--conditions", type=int, default=200, help="half of them contradict")
    root.add_argument("--precision", choices=("float32", "bfloat16"), help="of the networks")
    return root


def mixed(count: int) -> Iterator[Conditions]:
    """Sentences and masks: half of one picture, the others contradict each other.

    A quarter asks for night over a painted sun, the rest for the ground of another picture.
    """
    half, quarter = count // 2, count // 4
    for start in range(0, half, BLOCK):
        yield conditions(start, min(BLOCK, half - start))
    yield from night_over_the_sun(quarter)
    for start in range(0, count - half - quarter, BLOCK):
        many = min(BLOCK, count - half - quarter - start)
        yield contradicted(conditions(start, many), "mask")


def night_over_the_sun(count: int) -> Iterator[Conditions]:
    """Masks that show the sun, under the sentence of their picture with night as its hour."""
    start = 2 * APART
    while count:
        many = conditions(start, BLOCK)
        suns = (many.mask == CLASS_INDEX["sun"]).flatten(1).sum(1) >= SUNNY
        chosen = suns.nonzero().flatten().tolist()[:count]
        if chosen:
            scenes = [scene_of(DRAW, start + number) for number in chosen]
            sentences = [caption(replace(scene, time="night"), 0) for scene in scenes]
            facts = [stated(sentence) for sentence in sentences]
            yield replace(many.picked(chosen), sentences=sentences, facts=facts)
        count -= len(chosen)
        start += BLOCK


def measured(bench: Bench, blocks: Sequence[Conditions], weigh: Weigh, steps: int = 16) -> Verdict:
    """What the judge says of all blocks under one way to weigh."""
    return joined(
        [
            judged(look(bench.judge, from_images(bench.cast.decoded(states))), asked)
            for asked, states in ((each, played(bench.cast, each, weigh, steps)) for each in blocks)
        ]
    )


@torch.inference_mode()
def played(cast: Cast, asked: Conditions, weigh: Weigh, steps: int) -> Tensor:
    """Clean states of the product under weights that are found at every step, [n, *shape]."""
    many = len(asked)
    told = {name: cast.asked(name, asked.of(name)).values for name in EXPERTS}
    nulls = {name: cast.asked(name, [None]).values * many for name in EXPERTS}
    like = torch.empty(0, device=cast.device)
    noise, probe = (
        Draws(0, 0, tuple(range(asked.start, asked.start + many)), role, cast.shape, like)
        for role in ("noise", "probe")
    )

    def answers(x: Tensor, level: NoiseLevel) -> tuple[list[Tensor], list[Tensor]]:
        return tuple(  # pyright: ignore[reportReturnType]
            [cast.experts[name].denoise(x, level, rows[name]) for name in EXPERTS]
            for rows in (told, nulls)
        )

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        given, empty = answers(x, level)
        seen = Asked(x, level, given, empty, lambda at: answers(at, level), probe().sign())
        estimates = [Estimate(a, b) for a, b in zip(given, empty, strict=True)]
        return Product()(x, level, estimates, weigh(seen), [1.0] * len(EXPERTS), None).denoised

    levels = LogSnr().levels(steps)
    *_, last = Dpmpp2M()(denoise, noise() * levels[0].sigma, levels, noise)
    return last.x


def told(verdicts: dict[str, Verdict]) -> str:
    """The table in markdown, with the lead over equal weights condition by condition."""
    worst = {name: _worse(verdict) for name, verdict in verdicts.items()}
    half = len(worst["equal"]) // 2
    lines = [
        "| weights | sentence | mask | the worse of both | agreeing | contradicting | lead |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, verdict in verdicts.items():
        both = worst[name]
        rows = (*(verdict.fidelity(each) for each in EXPERTS), both, both[:half], both[half:])
        lead = _interval(both - worst["equal"])
        cells = [f"{float(each.mean()):.3f}" for each in rows]
        lines.append(f"| {name} | {' | '.join(cells)} | {_figure(lead)} |")
    return "\n".join(lines)


def _worse(verdict: Verdict) -> Tensor:
    """Of each picture the lesser of its two fidelities."""
    return torch.stack([verdict.fidelity(each) for each in EXPERTS]).amin(0)


def _spread(change: Tensor, asked: Asked) -> Tensor:
    """tr(∂D/∂x)/d up to a factor that all have in common, [b, 1, …]."""
    return inner(change, asked.draw).clamp_min(1e-12).to(asked.x)


def _interval(rows: Tensor) -> Figure:
    return interval(rows[:, None], lambda means: means[..., 0])


def _figure(figure: Figure) -> str:
    value, low, high = figure
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
