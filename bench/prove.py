"""`python app.py prove`: what each rule samples where that is known, and what it should.

Experts are Gaussians, rules and samplers those of the engine, in float64. A line holds when mean
and deviation of the samples are those of the closed form, within four standard errors and what so
many steps leave out. The last column is the density that the weights name: where it is not what is
sampled, no number of steps will make it so.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from bench.correcting import Multiplied, normal, stirred, walked
from bench.laws import Law, Part, density, diffusion, flow, turns
from graph.correctors.fkc import Fkc
from graph.correctors.mala import Mala
from graph.correctors.ula import Ula
from graph.experts.gaussian import posterior_mean
from graph.experts.mixture import Mixture
from graph.fusion.conflict_averse import ConflictAverse
from graph.fusion.mean import Mean
from graph.fusion.perp_neg import PerpNeg
from graph.fusion.product import Product
from graph.fusion.superdiff_and import SuperdiffAnd
from graph.fusion.superdiff_or import SuperdiffOr
from graph.fusion.switch import Switch
from graph.interfaces import Coming, Estimate, FusionRule, Sampler
from graph.levels import NoiseLevel
from graph.randomness import Foreseen
from graph.samplers.ddim import Ddim
from graph.samplers.euler_maruyama import EulerMaruyama
from graph.samplers.heun import Heun
from graph.schedules.karras import Karras

SEED = 11
START = Karras().levels(1)[0].ratio
SLACK = 0.01
"""How far mean and deviation may be from the closed form, for the steps there are."""
HEAPS, SHARES = ((-3.0, 1.0), (-1.0, 3.0)), (0.3, 0.7)
HEAD = ("what", "rule", "sampler", "mean (variance)", "should be", "distance", "density named")
Ask = Callable[[Tensor, NoiseLevel], Tensor]


@dataclass(frozen=True)
class Walk:
    """A sampler with its steps, and the law that it has where everything is Gaussian.

    `named` is the density that a composition names.
    """

    sampler: Sampler
    steps: int
    law: Callable[[Sequence[Part], float], Law]
    named: Callable[[Sequence[Part]], Law] = density


FLOW, DIFFUSION = Walk(Heun(), 100, flow), Walk(EulerMaruyama(), 1000, diffusion)


@dataclass(frozen=True)
class Known:
    """A Gaussian expert, exact: a mean and a variance for each dimension."""

    mean: tuple[float, ...]
    variance: tuple[float, ...]

    def denoise(self, x: Tensor, level: NoiseLevel) -> Tensor:
        """E[x0 | x]."""
        return posterior_mean(x, level, x.new_tensor(self.mean), x.new_tensor(self.variance))

    def part(self, factor: float, dimension: int = 0) -> Part:
        """Its part in one dimension of a composition."""
        return Part(factor, self.mean[dimension], self.variance[dimension])


@dataclass(frozen=True)
class Claim:
    """What a rule samples of some experts.

    `parts[d]` says what the composition comes to in dimension d: experts and background with the
    factors that they have there. `most` bounds the samples of a rule that takes its time for each.
    """

    what: str
    rule: FusionRule
    experts: tuple[Known, ...]
    weights: tuple[float, ...]
    parts: tuple[tuple[Part, ...], ...]
    background: Known | None = None
    walk: Walk = FLOW
    most: int = 10**9


Moments = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Line:
    """A claim with what was sampled: means and variances, of each dimension.

    `should` is the closed form, `named` the density; `distance` the greatest difference of a mean
    or a deviation.
    """

    what: str
    rule: str
    sampler: str
    sampled: Moments
    should: Moments
    named: Moments
    distance: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the samples are where they should be."""
        return self.distance <= self.bound


def claims() -> Iterator[Claim]:
    """Every rule in cases whose law is known, and the plain sums that have surprised people."""
    left, right, near = Known((-1.0,), (0.25,)), Known((2.0,), (1.0,)), Known((-1.0,), (1.0,))
    product, pair, ones = Product(), (left, right), (1.0, 1.0)
    both = ((left.part(0.6), right.part(0.4)),)
    yield Claim("weights that sum to one", product, pair, (0.6, 0.4), both)
    yield Claim("the same, diffusing", product, pair, (0.6, 0.4), both, walk=DIFFUSION)
    yield Claim("the same as a mean, 3 to 2", Mean(), pair, (3.0, 2.0), both)
    whole = ((left.part(1.0), right.part(1.0)),)
    yield Claim("weights that sum to two", product, pair, ones, whole)
    guided = ((near.part(2.0), right.part(-1.0)),)
    yield Claim("guidance 2, equal variances", product, (near,), (2.0,), guided, right)
    first, second = Known((-1.0, 0.5), (0.25, 2.0)), Known((0.5, 2.0), (2.0, 1.0))
    ground = Known((0.5, 0.5), (2.0, 2.0))
    apart = ((first.part(1.0),), (second.part(1.0, 1),))
    yield Claim("a dimension for each expert", product, (first, second), ones, apart, ground)
    handed = Walk(Ddim(), 1000, _handed, lambda parts: density(parts[-1:]))
    yield Claim(
        "one, then the other", Switch(), pair, ones, ((left.part(1), right.part(1)),), walk=handed
    )
    level = Known((-1.0, 0.5), (0.25, 0.25)), Known((1.0, 0.5), (0.25, 0.25))
    plane = ((level[0].part(0.5), level[1].part(0.5)), (level[0].part(1.0, 1),))
    meeting = Walk(EulerMaruyama(), 300, _meeting, _meeting)
    yield Claim(
        "as likely to one as to the other", SuperdiffAnd(), level, ones, plane, walk=meeting
    )
    yield from _directions()


def _meeting(parts: Sequence[Part], start: float = START) -> Law:
    """The law of two that mirror each other: a plane where they differ, one of them elsewhere."""
    return Law(0.0, 0.0) if len(parts) > 1 else diffusion(parts, start)


def _handed(parts: Sequence[Part], start: float) -> Law:
    """The law of a flow that is handed over halfway, at the first level of 1000 that is there."""
    later = next(level.ratio for level in Karras().levels(1000) if level.noise <= 0.5)
    return turns(parts, (start, later))


def _directions() -> Iterator[Claim]:
    """Rules of directions: beside one another, the same way, and one against the other."""
    alike = (1.0, 1.0)
    ground, aim = Known((0.0, 0.0), alike), Known((2.0, 0.0), alike)
    beside, along = Known((0.0, 1.0), alike), Known((1.0, 0.0), alike)
    against, still = Known((-1.0, 0.0), alike), (ground.part(1.0, 1),)
    perp, peace = PerpNeg(), ConflictAverse()
    turned = ((aim.part(1.0),), (ground.part(1.7, 1), beside.part(-0.7, 1)))
    yield Claim("NOT, beside the aim", perp, (aim, beside), (1.0, -0.7), turned, ground)
    plain = ((aim.part(1.0),), still)
    yield Claim("NOT, along the aim: nothing", perp, (aim, along), (1.0, -0.7), plain, ground)
    also = ((aim.part(1.0), along.part(0.5), ground.part(-0.5)), still)
    few = Walk(Heun(), 40, flow), 1000
    yield Claim("two that agree", peace, (aim, along), (1.0, 0.5), also, ground, *few)
    nobody = ((ground.part(1.0),), still)
    undone = "two that undo each other"
    yield Claim(undone, peace, (aim, against), (1.0, 1.0), nobody, ground, *few)


def proven(count: int) -> Iterator[Line]:
    """Every claim with `count` samples."""
    for claim in claims():
        yield _line(claim, count)
    yield _alternative(count)
    yield from _corrections(min(count, 20_000))


def _corrections(count: int) -> Iterator[Line]:
    """Correctors: the density that weights name, and what Langevin makes of one level."""
    experts, weights = ((-1.0, 0.25), (2.0, 1.0)), (0.6, 0.4)
    named = density([Part(w, *each) for w, each in zip(weights, experts, strict=True)])
    for corrector, steps in ((Mala(rounds=2, size=1.0), 400), (Fkc(), 1000)):
        x = walked(
            Multiplied(experts, weights), EulerMaruyama(), corrector, steps, normal(count, SEED)
        )
        how = f"euler_maruyama with {corrector.name}, {steps}"
        yield _law("weights that sum to one, corrected", how, x, named, named)
    level, variance = NoiseLevel(math.sqrt(0.8), math.sqrt(0.2)), 1.0 / 2.8
    for corrector in (Ula(rounds=60, size=0.25 * variance / 0.2), Mala(rounds=60, size=0.4)):
        one = Multiplied([(0.0, (variance - 0.2) / 0.8)], [1.0])
        x = stirred(one, corrector, level, normal(count, SEED))
        settled = Law(0.0, variance / (1 - 0.25 / 2) if corrector.name == "ula" else variance)
        how = f"{corrector.name}, {corrector.rounds} rounds"
        yield _law("one expert, at one level", how, x, settled, Law(0.0, variance))


def _law(what: str, how: str, x: Tensor, should: Law, named: Law) -> Line:
    found = x.mean().item(), x.var().item()
    spread = math.sqrt(should.variance)
    return Line(
        what,
        "product",
        how,
        (found,),
        ((should.mean, should.variance),),
        ((named.mean, named.variance),),
        max(abs(found[0] - should.mean), abs(math.sqrt(found[1]) - spread)),
        SLACK + 4 * spread / math.sqrt(len(x)),
    )


def _line(claim: Claim, count: int) -> Line:
    experts = [each.denoise for each in claim.experts]
    background = None if claim.background is None else claim.background.denoise
    count = min(count, claim.most)
    shape = (count, len(claim.parts))
    samples = played(claim.rule, experts, claim.weights, background, claim.walk, shape)
    should = [claim.walk.law(parts, START) for parts in claim.parts]
    found = list(zip(samples.mean(0).tolist(), samples.var(0).tolist(), strict=True))
    distance = max(
        max(abs(mean - each.mean), abs(math.sqrt(variance) - math.sqrt(each.variance)))
        for (mean, variance), each in zip(found, should, strict=True)
    )
    widest = max(math.sqrt(each.variance) for each in should)
    return Line(
        claim.what,
        claim.rule.name,
        f"{claim.walk.sampler.name}, {claim.walk.steps}",
        tuple(found),
        tuple((each.mean, each.variance) for each in should),
        tuple((each.mean, each.variance) for each in map(claim.walk.named, claim.parts)),
        distance,
        SLACK + 4 * widest / math.sqrt(count),
    )


def _alternative(count: int) -> Line:
    """OR of two experts with two heaps each: the shares of the samples, as means."""
    few, walk = min(count, 20_000), Walk(EulerMaruyama(), 300, diffusion)
    known = [Mixture((1,), means, (0.04, 0.04), (0.5, 0.5)) for means in HEAPS]
    alike = [known[0].encode(None)] * few
    experts = [partial(each.denoise, conditions=alike) for each in known]
    samples = played(SuperdiffOr(), experts, SHARES, None, walk, (few, 1))
    found = [
        sum(((samples - centre).abs() < 1).double().mean().item() for centre in centres)
        for centres in HEAPS
    ]
    asked = tuple((share, share * (1 - share)) for share in SHARES)
    return Line(
        "one or the other, 0.3 to 0.7: shares",
        "superdiff_or",
        f"{walk.sampler.name}, {walk.steps}",
        tuple((share, share * (1 - share)) for share in found),
        asked,
        asked,
        max(abs(share - want) for share, want in zip(found, SHARES, strict=True)),
        4 * math.sqrt(SHARES[0] * SHARES[1] / few),
    )


def played(
    rule: FusionRule,
    experts: Sequence[Ask],
    weights: Sequence[float],
    background: Ask | None,
    walk: Walk,
    shape: tuple[int, int],
) -> Tensor:
    """Clean samples, `shape` [n, d], of a rule over these experts, on Karras levels."""
    generator = torch.Generator().manual_seed(SEED)
    memory = None
    levels = Karras().levels(walk.steps)
    follows = dict(pairwise(levels))

    @Foreseen
    def draw() -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    def denoise(x: Tensor, level: NoiseLevel) -> Tensor:
        nonlocal memory
        turns = enumerate(rule.turns(len(experts)))
        heard = [i for i, (high, low) in turns if low < level.noise <= high]
        estimates = [Estimate(experts[i](x, level)) for i in heard]
        asked = [weights[i] for i in heard]
        memory, faders = rule.follow(memory, x, level, estimates, asked)
        spread = walk.sampler.spread(level, follows[level])
        coming = Coming(follows[level], lambda: spread * (draw.ahead() if spread else x * 0))
        faders = rule.foresee(level, estimates, faders, coming)
        wired = None if background is None else background(x, level)
        return rule(x, level, estimates, faders, [1.0] * len(heard), wired).denoised

    *_, last = walk.sampler(denoise, levels[0].sigma * draw(), levels, draw)
    return last.x


def main(argv: Sequence[str]) -> int:
    """Print the table; 1 if a line does not hold."""
    parser = argparse.ArgumentParser(
        prog="python app.py prove",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--samples", type=int, default=100_000, help="samples of each law")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="draw a picture of every rule there instead"
    )
    options = parser.parse_args(argv)
    if options.pictures:
        from bench.plots import draw

        for path in tqdm(draw(options.pictures), desc="prove", unit="picture"):
            tqdm.write(str(path))
        return 0
    total = len(list(claims())) + 5
    lines = list(tqdm(proven(options.samples), total=total, desc="prove", leave=False))
    if options.json:
        print(json.dumps([asdict(line) | {"holds": line.holds} for line in lines], indent=2))
    else:
        print("\n".join(_table(lines)))
    return 0 if all(line.holds for line in lines) else 1


def _table(lines: Sequence[Line]) -> Iterator[str]:
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{'---|' * len(HEAD)}"
    for line in lines:
        distance = f"{line.distance:.4f} {'≤' if line.holds else '>'} {line.bound:.4f}"
        moments = [_said(each) for each in (line.sampled, line.should, line.named)]
        cells = (line.what, line.rule, line.sampler, *moments[:2], distance, moments[2])
        yield f"| {' | '.join(cells)} |"


def _said(moments: Moments) -> str:
    return ", ".join(f"{mean:.3f} ({variance:.3g})" for mean, variance in moments)
