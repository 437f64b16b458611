"""The optimiser against its references, and the averages around it."""

import pytest
import torch
from torch import nn

from training.optim import Ema, MuonAdamW, is_hidden_matrix, learning_rate, orthogonalise


def gradients(parameter, steps):
    generator = torch.Generator().manual_seed(3)
    for _ in range(steps):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        yield


def test_orthogonalise_keeps_singular_vectors_and_flattens_singular_values():
    update = torch.randn(2, 24, 40, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(update, full_matrices=False)
    turned = left.mT @ orthogonalise(update) @ right.mT
    diagonal = turned.diagonal(dim1=-2, dim2=-1)
    assert diagonal.min() > 0.6
    assert diagonal.max() < 1.3
    assert (turned - torch.diag_embed(diagonal)).abs().max() < 0.05


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (16, 40)])
def test_hidden_matrices_move_as_torch_muon_moves_them(shape):
    ours = nn.Parameter(torch.ones(shape))
    theirs = nn.Parameter(torch.ones(shape))
    mine = MuonAdamW([("block.weight", ours)], 0.01)
    reference = torch.optim.Muon(
        [theirs], lr=0.01, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
    )
    for _, _ in zip(gradients(ours, 5), gradients(theirs, 5), strict=True):
        mine.step()
        reference.step()
    # Both iterate in bfloat16 in their own order, which is all the difference there may be.
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)
    assert (ours - 1).abs().max() > 0.01


def test_the_rest_moves_as_torch_adamw_moves_it():
    ours, theirs = nn.Parameter(torch.ones(9)), nn.Parameter(torch.ones(9))
    mine = MuonAdamW([("block.bias", ours)], 0.01)
    reference = torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.99), weight_decay=0.0)
    for _, _ in zip(gradients(ours, 5), gradients(theirs, 5), strict=True):
        mine.step()
        reference.step()
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_a_kernel_is_a_matrix_of_its_flattened_inputs():
    kernel, matrix = nn.Parameter(torch.ones(8, 3, 2, 2)), nn.Parameter(torch.ones(8, 12))
    one, other = MuonAdamW([("conv.weight", kernel)], 0.01), MuonAdamW([("w", matrix)], 0.01)
    kernel.grad = torch.randn(8, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    matrix.grad = kernel.grad.reshape(8, 12).clone()
    one.step()
    other.step()
    assert torch.equal(kernel.detach().reshape(8, 12), matrix.detach())


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("transformer_blocks.0.ff.net.2.weight", True),
        ("transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight", False),
        ("pos_embed.proj.weight", False),
        ("proj_out_2.weight", False),
        ("encoder.conv_in.weight", False),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", True),
    ],
)
def test_inputs_outputs_and_tables_are_not_hidden(name, hidden):
    assert is_hidden_matrix(name, torch.zeros(4, 4)) is hidden
    assert not is_hidden_matrix(name, torch.zeros(4))


def test_the_average_follows_and_two_swaps_change_nothing():
    parameter = nn.Parameter(torch.zeros(3))
    ema = Ema([parameter], decay=0.5)
    with torch.no_grad():
        parameter.fill_(1.0)
    ema.update()
    assert torch.allclose(ema.shadow[0], torch.full((3,), 1 - 2 / 11))
    ema.swap()
    assert torch.allclose(parameter, torch.full((3,), 1 - 2 / 11))
    ema.swap()
    assert torch.equal(parameter.detach(), torch.ones(3))


def test_the_rate_rises_stays_and_falls_to_zero():
    assert learning_rate(2.0, 0, 0.0, warmup=10, decay=0.5) == pytest.approx(0.2)
    assert learning_rate(2.0, 50, 0.4, warmup=10, decay=0.5) == 2.0
    assert learning_rate(2.0, 50, 0.75, warmup=10, decay=0.5) == pytest.approx(1.0)
    assert learning_rate(2.0, 50, 1.0, warmup=10, decay=0.5) == 0.0
    assert learning_rate(2.0, 50, 1.0, warmup=10, decay=0.0) == 2.0
