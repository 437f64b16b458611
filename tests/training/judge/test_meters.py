import torch
from PIL import Image

from training.judge.conflict import Conflict
from training.judge.meters import AGAINST, ALONG, parser, plotted, shown, told
from training.judge.painters import Halves

FOUND = Conflict(("text", "mask"), (1.0, 0.5), torch.full((2, 3), 0.9), torch.full((2, 3), -0.9))
PAINTED = Halves(
    [], (Image.new("RGB", (8, 8), "red"),) * 2, torch.arange(2.0).repeat(2, 4, 2).sort().values
)


def colours(image):
    return {colour for _, colour in image.getcolors(2**16)}


def test_the_table_has_a_line_for_each_pair_and_one_for_the_painters():
    lines = told([FOUND], PAINTED).splitlines()
    assert lines[2].startswith("| text and mask: agreeing or contradicting | 3 and 3 | 1.000")
    assert lines[3].startswith("| who painted the left half | 2 | 0.000")
    assert len({line.count("|") for line in lines}) == 1


def test_the_plot_has_agreement_on_top():
    image = plotted([FOUND])
    top, bottom = (colours(image.crop((0, y, 98, y + 66))) for y in (0, 66))
    assert ALONG in top and AGAINST not in top
    assert AGAINST in bottom and ALONG not in bottom


def test_a_map_is_tinted_between_its_two_painters():
    assert {ALONG, AGAINST, (255, 0, 0)} <= colours(shown(PAINTED))


def test_two_hundred_pairs_are_measured_unless_less_is_asked():
    assert parser().parse_args([]).pairs == 200
