import torch

from training.judge.metrics import correlation
from training.judge.relief import NAMES, relief
from training.world import draw


def test_regions_tell_how_near_the_world_is():
    shown = draw("judge relief test", 0, 24)
    told = correlation(relief(shown.mask), shown.depth[:, 0])
    assert told.min() > 0.99 and told.mean() > 0.998
    assert correlation(relief(shown.mask), shown.depth[:, 0].roll(1, 0)).mean() < 0.95


def test_a_thing_is_as_near_as_its_foot():
    scene = torch.full((1, 128, 128), NAMES.index("sky"))
    scene[:, 80:] = NAMES.index("grass")
    scene[:, 60:100, 16:30] = NAMES.index("house")
    near = relief(scene)[0]
    assert near[0, 0] == 0 and near[127, 64] > 0.99
    assert torch.equal(near[60:100, 16:30], near[99, 64].expand(40, 14))


def test_pictures_without_ground_have_a_relief_too():
    assert relief(torch.zeros(2, 128, 128, dtype=torch.int64)).abs().max() == 0
    assert torch.isfinite(relief(torch.full((1, 128, 128), NAMES.index("house")))).all()
