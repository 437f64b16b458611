"""Rows of an expert of another latent space: beyond a bridge, and in its own space."""

from dataclasses import replace

import pytest
import torch

from training.judge import bridge
from training.judge.conditions import conditions
from training.judge.ensemble import paint, shape_of
from training.judge.measure import Bench
from training.judge.rows import GUIDANCE, TOGETHER, Part, Row, bridged, composed, singles


class Doubled:
    """A codec whose latents are pictures, twice as strong."""

    factor, channels = 1, 3

    def pixels(self, latents):
        return latents / 2

    def latents(self, pixels):
        return pixels * 2

    def decode(self, latents):
        return self.pixels(latents)


@pytest.fixture
def cast(cast):
    foreign = replace(cast.experts["mask"])
    foreign.codec, foreign.canvas = Doubled(), (128, 128)
    return replace(cast, experts={**cast.experts, "mask-fine": foreign})


def row_of(name):
    return next(row for row in bridged(GUIDANCE, 4) if row.name == name)


def test_the_foreign_expert_plays_in_its_own_space_or_in_that_of_its_anchor(cast):
    own, alone = row_of("mask-fine, in its own space"), row_of("mask-fine, bridged")
    assert cast.playing(alone) is cast
    assert cast.playing(own).codec is cast.experts["mask-fine"].codec
    assert cast.playing(own).shape == shape_of(cast.experts["mask-fine"]) == (3, 128, 128)
    with pytest.raises(TypeError):
        shape_of(cast.experts["mask"])


def test_a_bridged_expert_brings_home_half_of_what_it_says_in_a_space_twice_as_strong(cast):
    asked = conditions(0, 2)
    (part,) = row_of("mask-fine, bridged").parts
    brought = Row("a", "product", (replace(part, guidance=2.0),), 4)
    at_home = Row("b", "product", (Part("mask", ("mask",), 1.0),), 4)
    assert torch.allclose(paint(brought, cast, asked, 0), paint(at_home, cast, asked, 0), atol=1e-5)


def test_a_bridge_asks_no_network_that_is_not_asked_at_home(cast):
    among = row_of("text + mask-fine, bridged")
    same = next(row for row in composed(GUIDANCE, 4) if row.name == "text + mask, product")
    assert among.calls == same.calls == 16
    assert [part.guidance for part in among.parts] == [part.guidance for part in same.parts]
    assert row_of("mask-fine, bridged").calls == 12
    assert singles(GUIDANCE, 4)[2].calls == 8
    for part in among.parts:
        assert part.guidance == GUIDANCE[part.expert] * TOGETHER


def test_a_bridged_row_is_known_by_its_anchor_and_its_weights(cast, tiny_judge, tmp_path):
    weights = {name: name for name in (*cast.experts, "judge", "encoder", "codec", "world")}
    bench = Bench(cast, tiny_judge, weights, tmp_path)
    assert all(bench.can(row) for row in bridged(GUIDANCE, 4))
    without = {name: expert for name, expert in cast.experts.items() if name != "mask-fine"}
    lacking = Bench(replace(cast, experts=without), tiny_judge, weights, tmp_path)
    assert not any(lacking.can(row) for row in bridged(GUIDANCE, 4))
    assert len({row.key("w") for row in bridged(GUIDANCE, 4)}) == 3


def test_what_a_way_loses_is_measured_on_the_pictures_and_in_the_latents(
    cast, tiny_judge, tmp_path
):
    home, foreign = Doubled(), cast.experts["mask-fine"]
    weights = {name: name for name in (*cast.experts, "judge", "encoder", "codec", "world")}
    bench = Bench(replace(cast, codec=home), tiny_judge, weights, tmp_path)
    ways = list(bridge.measured(bench, 3))
    assert [way.name for way in ways] == list(bridge.WAYS)
    assert all(float(way.psnr[0]) == pytest.approx(100, abs=1) for way in ways)
    assert all(way.moved < 1e-6 for way in ways)
    foreign.codec = Lossy()
    ways = {way.name: way for way in bridge.measured(bench, 3)}
    assert float(ways["home"].psnr[0]) > 90
    assert float(ways["abroad"].psnr[0]) == pytest.approx(20.0, abs=0.05)
    assert float(ways["home, abroad and home"].psnr[0]) == pytest.approx(20.0, abs=0.05)
    assert ways["home, abroad and home"].moved == pytest.approx(0.4, abs=1e-5)
    assert bridge.told(ways.values()).count("\n") == 2 + len(bridge.WAYS)


class Lossy(Doubled):
    """Every picture comes back a tenth of the range darker."""

    def pixels(self, latents):
        return latents / 2 - 0.2
