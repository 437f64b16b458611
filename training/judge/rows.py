"""The rows of the judge's table: which experts play, under which rule, how loud."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

Rule = Literal[
    "product",
    "mean",
    "alternating",
    "conflict_averse",
    "superdiff_and",
    "superdiff_or",
    "switch",
    "render",
    "autoencoder",
]
RULES: tuple[Rule, ...] = ("product", "mean", "alternating")
LED: tuple[Rule, ...] = (*RULES, "conflict_averse", "switch", "superdiff_and")
"""The rules whose rows the product's is held against."""
IN_TURN: tuple[Rule, ...] = ("alternating", "switch")
"""The rules that ask one expert a step."""
Walk = Literal["dpmpp_2m", "ddim", "euler_maruyama"]
"""A sampler; ddim with all its fresh noise."""
Stirring = Literal["none", "ula", "fkc"]
ROUNDS, PARTICLES = 2, 16
DIFFUSING = 50
"""Steps of the rules and correctors that need a sampler that diffuses."""
EXPERTS = ("text", "class", "mask", "sketch", "unconditional", "joint")
FOREIGN = ("mask-fine",)
"""Experts of other latent spaces, that play here beyond a bridge, or in their own space alone."""
GUIDANCE = {
    "text": 4.0,
    "class": 3.0,
    "mask": 3.0,
    "sketch": 3.0,
    "joint": 3.0,
    "mask-fine": 3.0,
}
"""Weights that `--search` found to serve each expert alone."""
TOGETHER = 2 / 3
"""Share of these weights that `--search` found to serve the triple under the product rule."""
SEARCHED = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
SHARES = (1 / 2, 2 / 3, 1.0, 3 / 2, 2.0)
PAIRS = (("text", "mask"), ("text", "sketch"), ("mask", "sketch"), ("class", "text"))
TRIPLE = ("text", "mask", "sketch")
LEVELS = 7
ALONE = 4.0
"""Guidance of whom superdiff_or follows."""
MODULATORS = {
    "playground/modulator-maps": (("mask",), ("sketch",), ("mask", "sketch")),
    "playground/modulator-depth": (("depth",),),
}
"""Modulators of the unconditional expert, with the maps that they are told."""
BEND = 2.0
"""The modulator's reliability where nothing guides: the best of 1, 1.5 and 2 on 50 pictures of the
table, with an earlier modulator."""
RIVALS = ("fine-tuned", "controlnet")
"""What else was made of the modulator's pairs, where it has been (`training/rivals.py`)."""
BENT = ("modulator", "maps", "bend", "onlooker", "target", "method", "scale", "anchor")
"""What says of a part how it is bent or brought here; left out of the hash of one that is not."""
ONLOOKERS = {
    "class": "playground/classifier",
    "mask": "playground/segmenter",
    "depth": "playground/depth",
}
"""Who looks on, by what is asked of it; they know clean pictures alone."""
TUNED = "guidance expert"
TAUGHT = {
    "class": {
        TUNED: ("playground/classifier-in-noise", 6.5),
        "one range": ("one-range", 6.5),
        "labels": ("labelled classifier", 10.0),
    },
    "mask": {TUNED: ("playground/segmenter-in-noise", 0.5)},
    "depth": {TUNED: ("playground/depth-in-noise", 6.0)},
}
"""By what is asked of them: models that know noise, with the scale that serves them.

A guidance expert, beside it one of the same pictures in as many steps whose noise is one range
(`training/guidance.py`), and a model that learned from labels (`training/labelled.py`); the last
two are there where they have been trained.
"""
OVER_A_SENTENCE = {"mask": 0.9}
"""Scale of a guidance expert over the text expert, where another serves it.

From 60 pictures that no table has, in 32 steps: 1.2 errs less by half a point, and costs the
sentence two.
"""
SCALES = {
    "class": {"estimate": 50.0, "dps": 7.0, "freedom": 4.0, "tfg": 0.5, "state": 7.0},
    "mask": {"estimate": 0.5, "dps": 7.0, "freedom": 4.0, "tfg": 0.1},
    "depth": {"estimate": 3.0, "dps": 30.0, "freedom": 4.0, "tfg": 0.5},
}
"""Scale of each method, from a few trials on four or five pictures that no table has."""

ADDED = ("walk", "stirring", "guidance")
"""What came to rows later; left out of the hash where it is as it was before."""


@dataclass(frozen=True)
class Part:
    """One expert's part in a row.

    Attributes:
        expert: its folder below assets/models/playground.
        asks: the conditions it is given; none for the unconditional expert.
        guidance: its weight in the product.
        fader: its reliability, 0 to 1.
        modulator: the folder of a modulator that bends it, or "".
        maps: the maps that this is given.
        bend: the modulator's reliability.
        onlooker: the folder of a model that leads it, or "".
        target: what this is to see: class, mask or depth; "" without one.
        method, scale: how guidance follows it.
        anchor: the expert on whose estimate it comes over a bridge, or "".
    """

    expert: str
    asks: tuple[str, ...]
    guidance: float
    fader: float = 1.0
    modulator: str = ""
    maps: tuple[str, ...] = ()
    bend: float = 1.0
    onlooker: str = ""
    target: str = ""
    method: str = ""
    scale: float = 1.0
    anchor: str = ""

    @property
    def given(self) -> tuple[str, ...]:
        """All the conditions that its pictures have to fulfil."""
        return (*self.asks, *self.maps, *((self.target,) if self.target else ()))


@dataclass(frozen=True)
class Row:
    """One line of the table, sampled by `walk` and corrected by `stirring`.

    "product" fuses the experts over the mix of their nulls, one expert alone being
    classifier-free guidance; "mean" averages experts that are each guided for themselves;
    "alternating" guides by one expert a step, in turn, with as many more steps as experts,
    so that all three ask the networks equally often; `share` says how loud each is. Under
    "superdiff_and" and "switch" every expert is guided for itself too, and "superdiff_or" guides
    whom it follows by `guidance`. "render" is the real picture itself and "autoencoder" the same
    encoded and decoded: what the judge and the latent space leave to reach. A foreign expert
    without an anchor plays in its own space.
    """

    name: str
    rule: Rule
    parts: tuple[Part, ...]
    steps: int
    walk: Walk = "dpmpp_2m"
    stirring: Stirring = "none"
    guidance: float = 1.0

    @property
    def particles(self) -> int:
        """How many states are sampled for one picture."""
        return PARTICLES if self.stirring == "fkc" else 1

    @property
    def asks(self) -> tuple[str, ...]:
        """The conditions that the pictures of this row have to fulfil."""
        return tuple(ask for part in self.parts for ask in part.given)

    @property
    def calls(self) -> int:
        """How often a network is asked for one picture."""
        each = sum(1 + bool(part.asks) for part in self.parts)
        own = {part.expert for part in self.parts}
        anchors = {part.anchor for part in self.parts if part.anchor} - own
        each += sum(1 + (anchor != "unconditional") for anchor in anchors)
        stirred = ROUNDS * (self.steps - 1) if self.stirring == "ula" else 0
        turns = len(self.parts) if self.rule in IN_TURN else 1
        return each * (self.steps + stirred) * self.particles // turns

    def key(self, weights: str) -> str:
        """Hash of everything that the pictures depend on but their number and seed."""
        plain = {field.name: field.default for field in fields(Part) if field.name in BENT}
        parts = [
            {name: value for name, value in asdict(part).items() if plain.get(name) != value}
            for part in self.parts
        ]
        content = asdict(self) | {"name": "", "weights": weights, "parts": parts}
        for name in ADDED:
            if content[name] == getattr(Row, name):
                del content[name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


Guidance = dict[str, float]


def real() -> list[Row]:
    """The pictures that the conditions were taken from, before and after the autoencoder."""
    return [Row("real", "render", (), 0), Row("real, autoencoded", "autoencoder", (), 0)]


def searched(steps: int) -> list[Row]:
    """Each conditional expert alone at every weight, the triple at every share of these."""
    alone = [
        Row(f"{name} at {weight:g}", "product", (Part(name, _asks(name), weight),), steps)
        for name in EXPERTS
        if name != "unconditional"
        for weight in SEARCHED
    ]
    together = [
        _row(f"{rule} at {share:.2f}", rule, TRIPLE, _scaled(GUIDANCE, share), steps)
        for rule in RULES
        for share in SHARES
    ]
    return [*alone, *together]


def singles(guidance: Guidance, steps: int) -> list[Row]:
    """Each expert alone, and the unconditional one."""
    alone = [
        _row(name, "product", (name,), guidance, steps)
        for name in ("text", "class", "mask", "sketch")
    ]
    return [*alone, Row("unconditional", "product", (Part("unconditional", (), 1.0),), steps)]


def composed(guidance: Guidance, steps: int) -> list[Row]:
    """The triple and the pairs under each rule, with the jointly trained model beside them."""
    rows: list[Row] = []
    for experts in (TRIPLE, *PAIRS):
        name = " + ".join(experts)
        rows += [
            _row(f"{name}, {rule}", rule, experts, _scaled(guidance, share(rule)), steps)
            for rule in RULES
        ]
        if set(experts) <= set(TRIPLE):
            rows.append(jointly(f"{name}, trained jointly", experts, guidance["joint"], steps))
    return rows


def ruled(guidance: Guidance, steps: int) -> list[Row]:
    """The triple under every other rule, and its product with more steps, noise or corrections.

    Perp-Neg is missing, which is the product where nothing weighs below zero, and MALA, which has
    to know densities that no network knows.
    """
    pulled = _scaled(guidance, share("product"))
    alone, even = guidance, dict.fromkeys(TRIPLE, 1.0)

    def row(told: str, rule: Rule, weights: Guidance, steps: int, **how: Any) -> Row:
        plain = _row(f"{' + '.join(TRIPLE)}, {told}", rule, TRIPLE, weights, steps)
        return replace(plain, **how)

    fresh: dict[str, Any] = {"walk": "euler_maruyama"}
    return [
        row(f"product, {3 * steps} steps", "product", pulled, 3 * steps),
        row("product with ula", "product", pulled, steps, stirring="ula"),
        row("product, diffusing", "product", pulled, DIFFUSING, **fresh),
        row("product with fkc", "product", pulled, DIFFUSING, **fresh, stirring="fkc"),
        row("conflict_averse", "conflict_averse", pulled, steps),
        row("switch", "switch", alone, steps),
        row("superdiff_and", "superdiff_and", alone, DIFFUSING, walk="ddim"),
        row("superdiff_or", "superdiff_or", even, DIFFUSING, walk="ddim", guidance=ALONE),
    ]


def share(rule: Rule) -> float:
    """How much of the weight that serves it alone an expert has among several.

    Under the product the pulls of all experts add up, so each has less. Under the other rules each
    expert is guided as it is alone. With N times the product's share the mean of N experts would
    be the product itself, and their alternation in N times the steps goes towards it.
    """
    return TOGETHER if rule == "product" else 1.0


def jointly(name: str, asks: tuple[str, ...], guidance: float, steps: int) -> Row:
    """The model that was trained on text, mask and sketch together; what is not asked is null."""
    return Row(name, "product", (Part("joint", asks, guidance),), steps)


def bent(guidance: Guidance, steps: int) -> list[Row]:
    """The unconditional and the text expert under each modulator, by its maps alone and together.

    A modulator learned from few pairs is timid, and serves best at twice its reliability. With
    guidance a map counts as often as the sentence does, and the reliability takes that back
    (docs/decisions/0009-modulators-rewrite-v.md).
    """
    rows: list[Row] = []
    for expert, weight in (("unconditional", 1.0), ("text", guidance["text"])):
        for modulator, told in MODULATORS.items():
            for maps in told:
                name = f"{expert}, bent by {' + '.join(maps)}"
                asks = _asks(expert) if expert != "unconditional" else ()
                part = Part(expert, asks, weight, 1.0, modulator, maps, BEND / weight)
                rows.append(Row(name, "product", (part,), steps))
    return rows


def bridged(guidance: Guidance, steps: int) -> list[Row]:
    """The foreign mask expert in its own space, and at home alone and among others.

    Beside the rows of the mask expert at home it says what the bridge costs.
    """
    weight = guidance["mask-fine"]
    abroad = Part("mask-fine", ("mask",), weight)
    alone = replace(abroad, anchor="unconditional")
    text = Part("text", ("text",), guidance["text"] * TOGETHER)
    among = replace(abroad, guidance=weight * TOGETHER, anchor="text")
    return [
        Row("mask-fine, in its own space", "product", (abroad,), steps),
        Row("mask-fine, bridged", "product", (alone,), steps),
        Row("text + mask-fine, bridged", "product", (text, among), steps),
    ]


def rivals(steps: int) -> list[Row]:
    """The unconditional expert made to see in other ways, told as a modulator is and as loudly."""
    return [
        Row(
            f"unconditional, {name}, by {' + '.join(maps)}",
            "product",
            (Part("unconditional", (), 1.0, 1.0, name, maps, BEND),),
            steps,
        )
        for name in RIVALS
        for maps in (("mask",), ("sketch",), ("mask", "sketch"))
    ]


def guided(guidance: Guidance, steps: int) -> list[Row]:
    """The unconditional and the text expert, left alone and led by onlookers, method by method."""
    rows: list[Row] = []
    for expert, weight in (("unconditional", 1.0), ("text", guidance["text"])):
        asks = _asks(expert) if expert != "unconditional" else ()
        part = Part(expert, asks, weight)
        rows.append(Row(expert, "product", (part,), steps))
        for target, scales in SCALES.items():
            ways = {method: (ONLOOKERS[target], method, scale) for method, scale in scales.items()}
            ways |= {name: (who, "state", scale) for name, (who, scale) in TAUGHT[target].items()}
            if asks and target in OVER_A_SENTENCE:
                ways[TUNED] = (TAUGHT[target][TUNED][0], "state", OVER_A_SENTENCE[target])
            for name, (onlooker, method, scale) in ways.items():
                led = replace(
                    part, onlooker=onlooker, target=target, method=method, scale=scale / weight
                )
                rows.append(Row(f"{expert}, {target} by {name}", "product", (led,), steps))
    return rows


def beside(name: str, names: Sequence[str]) -> list[str]:
    """Of these rows, those that a row is held against: other ways to the same end."""
    stem, comma, way = name.rpartition(", ")
    if way == "product":
        rivals = [f"{stem}{comma}{rule}" for rule in LED if rule != "product"]
        return [each for each in rivals if each in names]
    target, by, who = way.partition(" by ")
    if (by, who) != (" by ", TUNED):
        return []
    return [each for each in names if each != name and each.startswith(f"{stem}, {target} by ")]


def faded(expert: str, guidance: Guidance, steps: int) -> list[Row]:
    """The triple's product with one expert's reliability at 0, 1/6, … 1."""
    rows: list[Row] = []
    for level in range(LEVELS):
        fader = level / (LEVELS - 1)
        weights = _scaled(guidance, share("product"))
        parts = tuple(
            Part(each, (each,), weights[each], fader if each == expert else 1.0) for each in TRIPLE
        )
        rows.append(Row(f"{expert} at {fader:.2f}", "product", parts, steps))
    return rows


def _asks(expert: str) -> tuple[str, ...]:
    return TRIPLE if expert == "joint" else (expert,)


def _scaled(guidance: Guidance, share: float) -> Guidance:
    return {name: weight * share for name, weight in guidance.items()}


def _row(name: str, rule: Rule, experts: tuple[str, ...], guidance: Guidance, steps: int) -> Row:
    parts = tuple(Part(expert, (expert,), guidance[expert]) for expert in experts)
    return Row(name, rule, parts, steps * (len(parts) if rule == "alternating" else 1))
