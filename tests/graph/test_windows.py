"""Windows: a wide state is cut, asked about in parts, and put together as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from graph.controls import Controls
from graph.correctors.ula import Ula
from graph.experts.gaussian import Gaussian
from graph.interfaces import Expert, Fused
from graph.levels import NoiseLevel
from graph.plan import Control
from graph.reliability import Reliability, Weight
from graph.samplers.ddim import Ddim
from graph.scores import Track, Voice
from graph.windows import Windows
from tests.graph.pieces import LIKE, SHAPE, controls, events, final, gaussian, switch, track, voice

WIDE = Windows.over(SHAPE[-1], 3)
WHOLE = (*SHAPE[:-1], 3 * SHAPE[-1])


def panorama(voices: Sequence[Voice], **settings: Any) -> Track:
    """A track three times as wide as what its experts know."""
    return replace(track(voices, **settings), shape=WHOLE, windows=WIDE)


def test_windows_overlap_by_half_and_leave_nothing_out() -> None:
    for width in (1, 2, 5, 16):
        for times in (2, 3, 8):
            windows = Windows.over(width, times)
            seen = torch.zeros(windows.whole)
            for start in windows.starts:
                seen[start : start + width] += 1
            assert windows.whole == width * times
            assert windows.times == times
            assert seen.min() >= 1
    assert len(Windows.over(16, 8).starts) == 15


def test_what_is_cut_and_joined_is_what_it_was() -> None:
    x = torch.randn(3, 2, 4, 12, dtype=torch.float64)
    parts = WIDE.cut(x)
    assert parts.shape == (3 * len(WIDE.starts), *SHAPE)
    assert torch.equal(parts[len(WIDE.starts) + 1], x[1, ..., WIDE.starts[1] : WIDE.starts[1] + 4])
    assert torch.allclose(WIDE.join(parts), x, atol=1e-14)
    fused = WIDE.joined(Fused(parts, torch.stack([parts, 2 * parts])))
    assert torch.allclose(fused.denoised, 4 * x, atol=1e-13)


def test_a_place_is_the_mean_of_its_windows_by_their_distance_from_the_border() -> None:
    """Windows of 4 at 0, 2, 4, …: place 2 is third in the first (weight 2), first in the next."""
    said = torch.zeros(len(WIDE.starts), 1, 1, 4, dtype=torch.float64)
    said[0], said[1] = 1.0, 10.0
    joined = WIDE.join(said).flatten().tolist()
    assert joined[:4] == pytest.approx([1.0, 1.0, (2 * 1 + 1 * 10) / 3, (1 * 1 + 2 * 10) / 3])


def test_an_expert_that_asks_no_neighbour_paints_what_it_would_paint_whole() -> None:
    whole = Gaussian(WHOLE, mean=1.5, variance=0.25, has_null=True, null_variance=1.0)
    parts = voice("a", gaussian(1.5), guidance=2.0)
    for settings in ({}, {"sampler": Ddim(eta=1.0)}):
        (wide,) = final([panorama([parts], **settings)], controls([parts]))
        alone = replace(track([voice("a", whole, guidance=2.0)], **settings), shape=WHOLE)
        (plain,) = final([alone], controls([parts]))
        assert wide.shape == (1, *WHOLE)
        assert torch.allclose(wide, plain, atol=1e-12)


def test_a_batch_is_its_single_runs() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    (batch,) = final([panorama(voices, samples=(0, 1, 2))], controls(voices))
    for number in range(3):
        (alone,) = final([panorama(voices, samples=(number,))], controls(voices))
        assert torch.allclose(batch[number], alone[0], atol=1e-12)


def switches(voices: Sequence[Voice]) -> list[Control]:
    return [switch(each.node, setting) for each in voices for setting in ("muted", "solo")]


class Local(Expert):
    """Estimates that every place of its window is the mean over the window."""

    has_null = False

    def encode(self, value: Any) -> Any:
        """A number that is added, or none."""
        return value or 0.0

    def denoise(self, x: Tensor, level: NoiseLevel, conditions: Sequence[Any]) -> Tensor:
        """The mean of each state, and what it was asked for."""
        asked = torch.tensor(conditions, dtype=x.dtype).reshape(-1, 1, 1, 1)
        return x.mean((1, 2, 3), keepdim=True).expand_as(x) + asked


def test_every_window_of_every_picture_is_asked_for_its_own() -> None:
    expert = Local()
    values = tuple(float(n) for n in range(len(WIDE.starts)))
    asked = voice("a", expert)
    asked = replace(asked, condition=replace(asked.condition, values=values))
    states = final([panorama([asked], samples=(0, 1), steps=1)], controls([asked]))[0]
    plain = final([panorama([voice("a", expert)], samples=(0, 1), steps=1)], controls([asked]))[0]
    told = torch.tensor(values, dtype=torch.float64).repeat(2)[:, None, None, None]
    expected = plain + WIDE.join(told.expand(-1, *SHAPE))
    assert torch.allclose(states, expected, atol=1e-10)


def test_maps_lie_over_the_whole_and_sweeps_over_the_batch() -> None:
    spread = torch.arange(12.0, dtype=torch.float64).reshape(1, 1, 1, 12).expand(1, 1, 4, 12)
    cut = WIDE.weight(Weight(0.5, spread), 2)
    assert cut.number == 0.5
    assert cut.spread is not None
    assert torch.equal(cut.spread[len(WIDE.starts) + 1, 0, 0], spread[0, 0, 0, 2:6])
    swept = WIDE.weight(Weight(1.0, torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1)), 2).spread
    assert swept is not None
    count = len(WIDE.starts)
    assert swept[:, 0, 0, 0].tolist() == [1.0] * count + [2.0] * count
    assert WIDE.weight(Weight(0.25), 2) == Weight(0.25)


def test_a_weight_in_another_space_is_cut_where_its_windows_lie_there() -> None:
    home = Windows.over(8, 2)
    across = torch.arange(12.0).reshape(1, 1, 1, 12)  # six places of each window, eight at home
    cut = home.weight(Weight(1.0, across), 2).spread
    assert cut is not None
    rows = [list(range(start, start + 6)) for start in (0, 3, 6)]
    assert cut.reshape(6, 6).tolist() == [*rows, *rows]
    assert home.elsewhere(8) is home


def test_an_expert_that_a_map_silences_leaves_its_part_to_the_other() -> None:
    """A map that is white on the left half alone: there one mean, elsewhere the other."""
    left = np.zeros((4, 12), dtype=np.uint8)
    left[:, :6] = 255
    names = {"a": left, "b": 255 - left}
    maps = {name: Control(f"{name}.map", "map", 64 * name[0], 0.0, 1.0) for name in names}
    voices: list[Voice] = []
    for name, mean in (("a", 4.0), ("b", -4.0)):
        plain = voice(name, gaussian(mean, variance=0.01))
        kept = Reliability((maps[name],), WHOLE, lambda each: Image.fromarray(names[each[0]]), LIKE)
        voices.append(replace(plain, reliability=kept))
    mailbox = Controls([*switches(voices), *maps.values()])
    (state,) = final([panorama(voices, steps=12)], mailbox)
    assert torch.allclose(state[..., :6], torch.full_like(state[..., :6], 4.0), atol=0.6)
    assert torch.allclose(state[..., 6:], torch.full_like(state[..., 6:], -4.0), atol=0.6)


def test_the_meters_are_as_wide_as_the_picture() -> None:
    voices = [voice("a", gaussian(1.0)), voice("b", gaussian(-1.0))]
    *_, end = events([panorama(voices)], controls(voices))
    assert isinstance(end, tuple)
    assert end[2].whole().map["a"].shape == (1, 4, 12)


def test_langevin_stirs_the_whole() -> None:
    whole = Gaussian(WHOLE, mean=1.5, variance=0.25, has_null=True, null_variance=1.0)
    one, mailbox = voice("a", gaussian(1.5)), controls([voice("a", whole)])
    stirred = replace(panorama([one]), corrector=Ula(rounds=2))
    plain = replace(track([voice("a", whole)]), shape=WHOLE, corrector=Ula(rounds=2))
    (wide,), (expected,) = final([stirred], mailbox), final([plain], mailbox)
    assert torch.allclose(wide, expected, atol=1e-12)


def test_a_picture_is_parted_as_its_state_is() -> None:
    picture = Image.fromarray(np.repeat(np.arange(120, dtype=np.uint8)[None], 40, 0))
    panes = WIDE.panes(picture, (4, 4))
    assert [pane.size for pane in panes] == [(40, 40)] * len(WIDE.starts)
    assert [np.asarray(pane)[0, 0] for pane in panes] == [10 * start for start in WIDE.starts]
    tall = WIDE.panes(Image.new("L", (120, 400)), (4, 4))
    assert {pane.size for pane in tall} == {(40, 40)}
    small = WIDE.panes(Image.new("L", (3, 2)), (128, 128))
    assert all(min(pane.size) >= 1 for pane in small)
