"""`python app.py judge logic`: whether NOT removes what it names, and OR gives each its share."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice

import torch

from graph.controls import Controls
from graph.fusion.perp_neg import PerpNeg
from graph.fusion.product import Product
from graph.fusion.superdiff_or import SuperdiffOr
from graph.interfaces import FusionRule
from graph.scores import Encoded, Merge, Voice
from training.budget import RUNS
from training.judge.conditions import from_images
from training.judge.ensemble import SAMPLERS, Cast, Walked, sampled, voice
from training.judge.facts import Facts, stated
from training.judge.intervals import interval
from training.judge.measure import BLOCK, Bench
from training.judge.opening import open_bench
from training.judge.rows import ALONE, DIFFUSING
from training.judge.sight import look
from training.world import COLOURS, Scene, caption, scene_of

DRAW = "judge-not"
WANTED, UNWANTED = 2.5, -5.0
"""Guidance of the sentence and of what it should not show: between the best tried on another draw,
2 with −4 and 3 with −6."""
WALKS = (
    *((share, 1.0, "euler_maruyama") for share in (0.1, 0.3, 0.5, 0.7)),
    (0.3, ALONE, "ddim"),
)
"""How often the first of two alternatives is asked for, the guidance, the sampler."""
Figure = tuple[float, float, float]


@dataclass(frozen=True)
class Negation:
    """What NOT did to pictures whose plain sentence shows what it names.

    Attributes:
        rule: the fusion rule.
        removed: for each whether the object is gone, [n].
        place: share of hour and ground that are as the sentence says, [n].
        others: share of the other objects of the sentence that are there, [n].
    """

    rule: str
    removed: torch.Tensor
    place: torch.Tensor
    others: torch.Tensor


@dataclass(frozen=True)
class Alternatives:
    """What OR painted of two sentences, of which the first was asked for in the `share`.

    Each picture is a row of `seen`: first, second, mixed; bool [n, 3]. A picture is mixed where the
    object of one stands on the ground of the other, or both stand.
    """

    name: str
    share: float
    seen: torch.Tensor


def main(argv: Sequence[str]) -> int:
    """Print what was measured; returns the exit status."""
    options = parser().parse_args(argv)
    torch.set_num_threads(1)
    bench = open_bench(RUNS / "judge", options.precision)
    print(told(list(negated(bench, options.pictures)), list(chosen(bench, options.pictures))))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    root = argparse.ArgumentParser(prog="python app.py judge logic", description=__doc__)
    root.add_argument("--pictures", type=int, default=200, help="pictures of each kind")
    root.add_argument("--precision", choices=("float32", "bfloat16"), help="of the networks")
    return root


def negated(bench: Bench, pictures: int) -> Iterator[Negation]:
    """NOT one object of a sentence that names two or more kinds, by two rules and by none."""
    scenes = list(islice(_several(), pictures))
    sentences = [caption(scene, 0) for scene in scenes]
    unwanted = [named(scene.objects[0].kind) for scene in scenes]
    shown = [
        _shows(seen, scene.objects[0].kind) and _shows(stated(sentence), scene.objects[0].kind)
        for seen, scene, sentence in zip(
            _seen(bench, None, sentences, unwanted), scenes, sentences, strict=True
        )
    ]
    for rule in (Product(), PerpNeg()):
        seen = _seen(bench, rule, sentences, unwanted)
        rows = [row for row, was in zip(zip(seen, scenes, strict=True), shown, strict=True) if was]
        yield Negation(
            rule.name,
            torch.tensor([not _shows(facts, scene.objects[0].kind) for facts, scene in rows]),
            torch.tensor([_placed(facts, scene) for facts, scene in rows]),
            torch.tensor([_company(facts, scene) for facts, scene in rows]),
        )


def chosen(bench: Bench, pictures: int) -> Iterator[Alternatives]:
    """A house in a meadow or a sailboat on the sea, as each is, and as it is guided."""
    houses, boats = (
        [f"a {COLOURS[number % 7]} {what} by day" for number in range(pictures)]
        for what in ("house in a meadow", "sailboat on the sea")
    )
    for share, guidance, walk in WALKS:
        rule = SuperdiffOr(guidance=guidance)
        seen: list[Facts] = []
        for part in _parts(pictures):
            first = _voice(bench.cast, "first", houses[part], share)
            second = _voice(bench.cast, "second", boats[part], 1.0 - share)
            walked = Walked(DIFFUSING, SAMPLERS[walk])
            seen += _looked(bench, Merge("or", rule, (first, second)), part, walked)
        name = f"{walk}, {DIFFUSING} steps, guidance {guidance:g}"
        yield Alternatives(name, share, torch.tensor([sorted_out(facts) for facts in seen]))


def named(kind: str) -> str:
    """An object in as few words as name it."""
    return "a flock of birds" if kind == "birds" else f"a {kind}"


def sorted_out(facts: Facts) -> tuple[bool, bool, bool]:
    """Whether a picture shows the house in its meadow, the boat on its sea, or a mixture."""
    house, boat = _shows(facts, "house"), _shows(facts, "sailboat")
    mixed = (house and (boat or facts.ground == "sea")) or (boat and facts.ground == "meadow")
    first, second = house and facts.ground == "meadow", boat and facts.ground == "sea"
    return first and not mixed, second and not mixed, mixed


def told(negations: Sequence[Negation], alternatives: Sequence[Alternatives]) -> str:
    """Both tables in markdown."""
    lines = [
        "| NOT by | shown without it | removed | hour and ground kept | other objects kept |",
        "|---|---|---|---|---|",
        *(
            f"| {each.rule} | {len(each.removed)} | {_figure(each.removed)} "
            f"| {_figure(each.place)} | {_figure(each.others)} |"
            for each in negations
        ),
        "",
        "| OR | pictures | the first asked for in | first of the two | mixed | neither |",
        "|---|---|---|---|---|---|",
        *(
            f"| {each.name} | {len(each.seen)} | {each.share:g} "
            f"| {_figure(each.seen[:, 0][each.seen[:, :2].any(1)])} "
            f"| {_figure(each.seen[:, 2])} | {_figure(~each.seen.any(1))} |"
            for each in alternatives
        ),
    ]
    return "\n".join(lines)


def _several() -> Iterator[Scene]:
    """The scenes of the draw with two objects or more, no two of a kind."""
    for index in count():
        scene = scene_of(DRAW, index)
        kinds = [each.kind for each in scene.objects]
        if len(kinds) > 1 and len(set(kinds)) == len(kinds):
            yield scene


def _seen(
    bench: Bench, rule: FusionRule | None, sentences: Sequence[str], unwanted: Sequence[str]
) -> list[Facts]:
    """What the judge names: plain pictures, guided as an expert is alone, without a rule."""
    seen: list[Facts] = []
    for part in _parts(len(sentences)):
        wanted = WANTED if rule else ALONE
        spoken = [_voice(bench.cast, "wanted", sentences[part], wanted)]
        if rule:
            spoken.append(_voice(bench.cast, "unwanted", unwanted[part], UNWANTED))
        seen += _looked(bench, Merge("not", rule or Product(), tuple(spoken)), part, Walked(16))
    return seen


def _parts(many: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, many)) for start in range(0, many, BLOCK))


def _voice(cast: Cast, node: str, sentences: Sequence[str], guidance: float) -> Voice:
    spoken = voice(node, "text", cast.asked("text", sentences), cast, guidance)
    return replace(spoken, null=Encoded("null", cast.asked("text", [None]).values))


def _looked(bench: Bench, score: Merge, part: slice, walked: Walked) -> list[Facts]:
    numbers = range(part.start, part.stop)
    states, _ = sampled(score, bench.cast, numbers, 0, walked, Controls(()))
    return look(bench.judge, from_images(bench.cast.decoded(states))).facts


def _shows(facts: Facts, kind: str) -> bool:
    return any(thing.kind == kind for thing in facts.things)


def _placed(facts: Facts, scene: Scene) -> float:
    return ((facts.ground == scene.ground) + (facts.time == scene.time)) / 2


def _company(facts: Facts, scene: Scene) -> float:
    others = scene.objects[1:]
    return sum(_shows(facts, each.kind) for each in others) / len(others)


def _figure(rows: torch.Tensor) -> str:
    if not len(rows):
        return "–"
    value, low, high = interval(rows.double()[:, None], lambda means: means[..., 0])
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
