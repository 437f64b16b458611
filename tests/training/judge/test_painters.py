import torch

from graph.interfaces import Expert
from training.judge.conditions import from_images
from training.judge.painters import Halves, halves


def test_who_alone_can_know_a_half_painted_it(cast):
    # an exact expert: what it is told is what it expects
    painted = halves(cast, 3, steps=2)
    assert painted.shares.shape == (3, 128, 128)
    left, right = painted.shares[..., :64], painted.shares[..., 64:]
    known = painted.shares.isfinite() & (painted.shares != 0.0)
    assert (left[known[..., :64]] == 1.0).all()
    assert (right == 0.0).all()
    assert painted.area[0] > 0.8  # where the new mask has what the old one had, nobody painted
    told = from_images(tuple(painted.masks))
    assert torch.allclose(from_images(painted.pictures), told, atol=1 / 127)


def test_a_map_that_says_nothing_is_at_chance():
    flat = Halves([], (), torch.full((2, 4, 4), 0.5))
    assert flat.areas.tolist() == [0.5, 0.5]
    turned = Halves([], (), torch.arange(4.0).expand(2, 4, 4))
    assert turned.area == (0.0, 0.0, 0.0)


class Smears(Expert):
    """Expects everywhere the mean of what it is told."""

    def encode(self, value):
        rows = torch.frombuffer(bytearray(value.tobytes()), dtype=torch.uint8).float()
        return rows.reshape(-1, 3).mean(0)[:, None, None].expand(3, 128, 128) / 127.5 - 1

    def denoise(self, x, level, conditions):
        return torch.stack(list(conditions))


def test_an_expert_that_paints_everywhere_is_not_told_apart(cast):
    cast.experts["mask"] = Smears()
    assert abs(halves(cast, 2, steps=2).area[0] - 0.5) < 1e-6
