"""`python app.py prove`: closed forms against pinned figures, and rules against closed forms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench import prove
from bench.laws import Law, Part, density, diffusion, flow
from graph.fusion.product import Product
from studio.cli import main

PAIR = (Part(0.6, -1.0, 0.25), Part(0.4, 2.0, 1.0))
WHOLE = (Part(1.0, -1.0, 0.25), Part(1.0, 2.0, 1.0))


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (flow(PAIR, 80.0), (-0.1182, 0.4352)),
        (diffusion(PAIR, 80.0), (-0.2589, 0.4036)),
        (density(PAIR), (-0.5714, 0.3571)),
        (density(WHOLE), (-0.4, 0.2)),
    ],
)
def test_laws_are_those_that_were_worked_out_elsewhere(
    law: Law, expected: tuple[float, float]
) -> None:
    assert (law.mean, law.variance) == pytest.approx(expected, abs=1e-4)


def test_one_expert_keeps_its_own_law_whichever_way_it_is_walked() -> None:
    one = (Part(1.0, 0.7, 0.3),)
    for law in (flow(one, 1e4), diffusion(one, 1e4)):
        assert (law.mean, law.variance) == pytest.approx((0.7, 0.3), abs=1e-3)


def test_every_rule_samples_what_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--samples", "4000", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert all(line["holds"] for line in lines)
    import graph.correctors
    import graph.fusion
    from graph.interfaces import Corrector, FusionRule
    from graph.registry import choices

    assert {line["rule"] for line in lines} == set(choices(graph.fusion, FusionRule))
    correctors = set(choices(graph.correctors, Corrector)) - {"none"}
    assert all(any(each in line["sampler"] for line in lines) for each in correctors)


def test_a_rule_that_samples_something_else_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [replace(claim, rule=Product()) for claim in prove.claims() if "nothing" in claim.what]
    monkeypatch.setattr(prove, "claims", lambda: iter(wrong))
    monkeypatch.setattr(prove, "_alternative", lambda count: prove._line(wrong[0], count))
    monkeypatch.setattr(prove, "_corrections", lambda count: iter(()))
    assert prove.main(["--samples", "4000"]) == 1
    assert " > " in capsys.readouterr().out
