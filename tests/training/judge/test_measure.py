import json
from dataclasses import asdict, replace

import pytest
import torch

from training.judge.cli import MARK, SEARCH_FROM, _measured, _write, parser
from training.judge.conditions import conditions
from training.judge.measure import Bench, broad
from training.judge.rows import (
    FOREIGN,
    GUIDANCE,
    RULES,
    SCALES,
    TAUGHT,
    TOGETHER,
    TRIPLE,
    Part,
    Row,
    bent,
    beside,
    composed,
    faded,
    guided,
    jointly,
    real,
    searched,
    singles,
)
from training.judge.summary import lead_of
from training.judge.table import markdown


@pytest.fixture
def bench(cast, tiny_judge, tmp_path, monkeypatch):
    monkeypatch.setattr("training.judge.reference.PICTURES", 50)
    monkeypatch.setattr("training.judge.reference.DIRECTIONS", 2)
    weights = {name: name for name in (*cast.experts, "judge", "encoder", "codec", "world")}
    return Bench(cast, tiny_judge, weights, tmp_path)


def mask_row(guidance=1.0):
    return Row("mask", "product", (Part("mask", ("mask",), guidance),), 2)


def test_a_finished_block_is_never_painted_again(bench):
    first = bench.block(mask_row(), 0, 0, 2)
    asked = bench.cast.experts["mask"].asked
    again = bench.block(mask_row(), 0, 0, 2)
    assert bench.cast.experts["mask"].asked == asked > 0
    assert all(torch.equal(a, again.tensors()[name]) for name, a in first.tensors().items())


@pytest.mark.parametrize("changed", ["mask", "encoder", "world"])
def test_new_weights_make_a_new_block(bench, changed):
    bench.block(mask_row(), 0, 0, 2)
    asked = bench.cast.experts["mask"].asked
    bench.weights[changed] += " trained on"
    bench.block(mask_row(), 0, 0, 2)
    assert bench.cast.experts["mask"].asked == 2 * asked


@pytest.mark.parametrize("changed", ["judge", "codec"])
def test_a_new_judge_or_decoder_needs_no_new_sampling(bench, changed):
    bench.block(mask_row(), 0, 0, 2)
    asked = bench.cast.experts["mask"].asked
    bench.weights[changed] = f"new {changed}"
    bench.block(mask_row(), 0, 0, 2)
    assert bench.cast.experts["mask"].asked == asked


def test_rows_of_one_setting_share_their_blocks():
    faint, loud = (faded("text", GUIDANCE, 16)[level] for level in (0, 6))
    product = next(
        row for row in composed(GUIDANCE, 16) if row.name == "text + mask + sketch, product"
    )
    assert loud.key("w") == product.key("w") != faint.key("w")
    assert product.key("other weights") != product.key("w")


def test_a_row_is_known_by_how_its_experts_are_bent():
    plain, one, other = (
        Row("a row", "product", (Part("text", ("text",), 4.0, modulator=name, maps=maps),), 16)
        for name, maps in (("", ()), ("maps", ("mask",)), ("maps", ("sketch",)))
    )
    assert len({row.key("w") for row in (plain, one, other)}) == 3
    assert plain.key("w") == "a2506ac566af8518"


def test_every_modulator_has_a_row_for_each_expert_and_what_it_is_told():
    rows = bent(GUIDANCE, 16)
    assert len({row.key("w") for row in rows}) == len({row.name for row in rows}) == 2 * 4
    (depth,) = (row for row in rows if row.name == "text, bent by depth")
    assert depth.asks == ("text", "depth")
    assert depth.parts[0].modulator == "playground/modulator-depth"


def test_a_row_is_known_by_who_leads_it_where_and_how():
    rows = [row for row in guided(GUIDANCE, 16) if row.parts[0].target]
    assert len({row.key("w") for row in rows}) == len(rows)
    for target, scales in SCALES.items():
        mine = [row for row in rows if row.parts[0].target == target]
        assert len(mine) == 2 * (len(scales) + len(TAUGHT[target]))
    louder = replace(rows[0], parts=(replace(rows[0].parts[0], scale=0.1),))
    assert louder.key("w") != rows[0].key("w")
    assert guided(GUIDANCE, 16)[0].key("w") == singles(GUIDANCE, 16)[-1].key("w")
    (bent,) = (row.parts[0] for row in rows if row.name == "text, depth by dps")
    assert bent.given == ("text", "depth")


def test_a_guidance_expert_is_held_against_every_other_way_to_its_target():
    names = [row.name for row in guided(GUIDANCE, 16)]
    assert beside("text, mask by guidance expert", names) == [
        f"text, mask by {method}" for method in ("estimate", "dps", "freedom", "tfg")
    ]
    assert beside("unconditional, class by guidance expert", names)[-2:] == [
        "unconditional, class by one range",
        "unconditional, class by labels",
    ]
    assert beside("text, mask by dps", names) == beside("text", names) == []
    ruled = ["text + mask, product", "text + mask, mean", "text + mask, switch", "text, mean"]
    assert beside(ruled[0], ruled) == ruled[1:3]


def test_a_row_without_its_onlooker_is_left_out(bench):
    led = guided(GUIDANCE, 2)[1]
    assert not bench.can(led)
    bench.cast.onlookers[led.parts[0].onlooker] = object()
    assert bench.can(led)


def test_depth_has_a_column_where_it_is_asked_for(bench):
    options = ["--pictures", "2", "--seeds", "1", "--steps", "2", "--no-faders", "--rows", "mask"]
    table = _measured(bench, parser().parse_args(options))
    (line,) = table.lines
    assert line.seconds is not None and line.seconds > 0
    head = markdown(table).splitlines()[0]
    assert "depth" not in head and head.endswith("| CPU seconds |")
    asked = replace(table, lines=[replace(line, asks=("depth",), seconds=None)])
    head = markdown(asked).splitlines()[0]
    assert "| depth " in head and "CPU" not in head


def test_every_block_of_every_row_is_made_once_and_rows_grow_together():
    blocks = list(broad([mask_row(1.0), mask_row(2.0)], pictures=60, seeds=2))
    assert len(set(blocks)) == len(blocks) == 2 * 2 * 3
    assert [start for _, _, start, _ in blocks] == [0] * 4 + [25] * 4 + [50] * 4
    assert sum(count for _, _, _, count in blocks) == 2 * 2 * 60


def test_a_verdict_goes_seed_by_seed(bench):
    verdict = bench.verdict(mask_row(), 3, 2)
    assert len(verdict) == 6
    assert torch.equal(verdict.regions[:3, 1], verdict.regions[3:, 1])


def test_the_rules_of_a_group_ask_the_networks_equally_often():
    rows = [row for row in composed(GUIDANCE, 16) if row.name.startswith("text + mask + sketch,")]
    assert [row.calls for row in rows if row.parts[0].expert != "joint"] == [96] * 3


def test_table_ends_with_its_lines_faders_and_floors(bench, tmp_path):
    rows = [*real()[:1], *singles(GUIDANCE, 2), *composed(GUIDANCE, 2)]
    counts = ["--pictures", "10", "--seeds", "2", "--steps", "2"]
    options = parser().parse_args([*counts, "--rows", *(row.name for row in rows)])
    table = _measured(bench, options)
    assert [line.name for line in table.lines] == [row.name for row in rows]
    assert [fader.expert for fader in table.faders] == list(TRIPLE)
    assert [(lead.row.count("+"), lead.rival.rpartition(", ")[2]) for lead in table.leads] == [
        (number, rule) for number in (2, 1, 1, 1, 1) for rule in ("mean", "alternating")
    ]
    assert all(len(fader.fidelity) == 7 for fader in table.faders)
    for line in table.lines:
        assert set(line.fidelity) == {"text", "class", "mask", "sketch", "depth"}
        for condition, figure in line.fidelity.items():
            least = -1 if condition == "depth" else 0
            assert least <= figure.low <= figure.value <= figure.high <= 1
        assert (line.seconds is None) == (line.name == "real")
        assert (line.keeps is not None) == (len(line.asks) > 1)
    page = tmp_path / "judge.md"
    page.write_text(f"# The judge\n\nWords.\n\n{MARK}\n\nan old table\n")
    _write(page, table, ["--pictures", "4"])
    assert page.read_text().startswith("# The judge\n\nWords.\n")
    assert page.read_text().endswith(markdown(table)) and "an old table" not in page.read_text()
    assert "python app.py judge --pictures 4" in page.read_text()


def test_a_line_says_what_a_picture_took_where_every_block_knows_it(bench):
    assert bench.seconds(mask_row(), 2, 2) is None
    bench.verdict(mask_row(), 2, 2)
    assert bench.seconds(mask_row(), 2, 2) > 0.0
    assert bench.seconds(mask_row(), 3, 2) is None
    assert bench.seconds(real()[0], 2, 1) is None


def test_rows_without_their_expert_are_left_out(bench):
    del bench.cast.experts["joint"]
    assert not bench.can(jointly("joint", TRIPLE, 1.0, 2))
    assert bench.can(mask_row())
    assert not bench.can(real()[1])


def test_the_search_asks_every_conditional_expert_and_every_rule():
    rows = searched(4)
    alone = [row for row in rows if len(row.parts) == 1]
    assert {row.parts[0].expert for row in alone} == set(GUIDANCE) - set(FOREIGN)
    assert {row.rule for row in rows if len(row.parts) == 3} == set(RULES)


def test_the_search_sees_no_picture_of_the_table(bench):
    seen = []
    bench.conditions = lambda start, count: seen.append(start) or conditions(0, count)
    for more in ([], ["--search"]):
        options = ["--pictures", "2", "--seeds", "1", "--steps", "2", "--no-faders", *more]
        _measured(bench, parser().parse_args([*options, "--rows", "mask", "mask at 1"]))
    assert set(seen) == {0, SEARCH_FROM}


def test_the_three_rules_are_as_loud_as_they_are_said_to_be():
    rows = {row.name: row for row in composed(GUIDANCE, 16)}
    for name, share in (("product", TOGETHER), ("mean", 1), ("alternating", 1)):
        (text, mask) = rows[f"text + mask, {name}"].parts
        assert text.guidance == pytest.approx(GUIDANCE["text"] * share)
        assert mask.guidance == pytest.approx(GUIDANCE["mask"] * share)


def test_the_lead_is_the_difference_of_the_same_conditions(bench):
    rows = [row for row in composed(GUIDANCE, 2) if row.name.startswith("mask + sketch,")]
    mean = bench.verdict(rows[1], 4, 2)
    product = replace(mean, lines=torch.linspace(0, 1, 8))
    alone = {"mask": mean, "sketch": replace(mean, lines=torch.full((8,), 0.8))}
    even = lead_of((rows[0], rows[0]), (product, product), 2, {})
    assert asdict(even.together) == {"value": 0, "low": 0, "high": 0}
    lead = lead_of((rows[0], rows[1]), (product, mean), 2, alone)
    back = lead_of((rows[1], rows[0]), (mean, product), 2, {})
    expected = float((product.lines - mean.lines).double().mean())
    assert lead.fidelity["sketch"].value == pytest.approx(expected) != 0
    assert back.fidelity["sketch"].high == pytest.approx(-lead.fidelity["sketch"].low)
    assert set(lead.fidelity) == {"mask", "sketch"}
    kept = [min(1.0, float(each.lines.double().mean()) / 0.8) for each in (product, mean)]
    assert lead.keeps.value == pytest.approx(kept[0] - kept[1]) != 0
    assert back.keeps is None


def test_an_unknown_expert_is_refused(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--guidance", "txt=2"])
    assert "expected one of text, class, mask, sketch, joint" in capsys.readouterr().err


def test_the_table_is_json(bench):
    options = parser().parse_args(
        ["--pictures", "2", "--seeds", "1", "--steps", "2", "--rows", "mask", "--no-faders"]
    )
    table = json.loads(json.dumps(asdict(_measured(bench, options))))
    assert [line["name"] for line in table["lines"]] == ["mask"]
    assert table["faders"] == []
