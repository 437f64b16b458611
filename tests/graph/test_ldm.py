"""The names of latent diffusion are those of files that people have."""

from __future__ import annotations

import pytest

from graph.ldm import ldm_names

LAYERS = [
    *(f"down_blocks.{block}.resnets.{row}.conv1" for block in range(4) for row in range(2)),
    *(f"up_blocks.{block}.resnets.{row}.conv1" for block in range(4) for row in range(3)),
    *(f"up_blocks.{block}.attentions.{row}.proj_in" for block in (1, 2, 3) for row in range(3)),
]
"""Enough of Stable Diffusion 1 to tell how its blocks are numbered."""


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("conv_in", "input_blocks.0.0"),
        ("down_blocks.0.resnets.0.time_emb_proj", "input_blocks.1.0.emb_layers.1"),
        ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
        ("down_blocks.1.attentions.1.proj_in", "input_blocks.5.1.proj_in"),
        ("down_blocks.3.resnets.1.conv2", "input_blocks.11.0.out_layers.3"),
        ("mid_block.resnets.1.conv1", "middle_block.2.in_layers.2"),
        ("mid_block.attentions.0.norm", "middle_block.1.norm"),
        ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.1.conv"),
        ("up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"),
        ("up_blocks.3.attentions.2.proj_out", "output_blocks.11.1.proj_out"),
        ("up_blocks.3.resnets.2.conv_shortcut", "output_blocks.11.0.skip_connection"),
        ("conv_out", "out.2"),
        ("class_embedding", "class_embedding"),
    ],
)
def test_layers_have_their_original_names(layer: str, name: str) -> None:
    assert ldm_names([*LAYERS, layer])[layer] == name
