"""The experts' networks: stock transformers of diffusers, and a small T5 where there is text."""

from typing import Any

import torch
from diffusers import DiTTransformer2DModel, PixArtTransformer2DModel
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from training.recipes import Recipe
from training.words import MAX_TOKENS, PAD

# DiTPipeline asks for label 1000 when it wants no condition, so experts that it can sample have
# that many labels; the others have one. The null label is always the one after the last.
PIPELINE_LABELS = 1000
HEAD = 32
TEXT_WIDTH = 128


class Expert(nn.Module):
    """One network with its text encoder if it has one; `forward` predicts in native coordinates.

    Built in evaluation mode for good: the label dropout built into DiT would draw for every block
    on its own, so conditions are dropped in the data instead.
    """

    def __init__(self, recipe: Recipe, words: int) -> None:
        super().__init__()
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.transformer: Any = _pixart(recipe) if "text" in recipe.sees else _dit(recipe)
        self.text_encoder: Any = t5(words) if "text" in recipe.sees else None
        # On a processor the fused attention's backward pass takes a third of a whole step.
        self.transformer.apply(_plain_attention)
        self.eval()

    def forward(self, noisy: Tensor, time: Tensor, condition: dict[str, Tensor]) -> Tensor:
        """Predict the native target.

        Args:
            noisy: [n, c, h, w] of its latent space.
            time: [n], in the units of the objective.
            condition: `text` token numbers [n, 32], `label` [n], `picture` latents
                [n, c·k, h, w], each only where the recipe has it.
        """
        seen = torch.cat([noisy, condition["picture"]], 1) if self.recipe.spatial else noisy
        if self.text_encoder is None:
            label = condition["label"]
            return self.transformer(seen, timestep=time, class_labels=label, return_dict=False)[0]
        ids = condition["text"].long()
        ids = ids[:, : int((ids != PAD).sum(1).max())]
        present = (ids != PAD).to(noisy.dtype)
        text = self.text_encoder(ids, attention_mask=present)[0]
        return self.transformer(
            seen,
            encoder_hidden_states=text,
            encoder_attention_mask=present,
            timestep=time,
            return_dict=False,
        )[0]


def _plain_attention(module: nn.Module) -> None:
    if isinstance(module, Attention):
        module.set_processor(AttnProcessor())


def labels_of(recipe: Recipe) -> int:
    """Rows of the label table without the null row, whose number this is."""
    return 1 if recipe.spatial else PIPELINE_LABELS


def _in_channels(recipe: Recipe) -> int:
    return recipe.space.channels * (1 + len(recipe.spatial))


def _dit(recipe: Recipe) -> DiTTransformer2DModel:
    model = DiTTransformer2DModel(
        num_attention_heads=recipe.width // HEAD,
        attention_head_dim=HEAD,
        in_channels=_in_channels(recipe),
        out_channels=recipe.space.channels,
        num_layers=recipe.layers,
        sample_size=recipe.space.size,
        patch_size=recipe.space.patch,
        num_embeds_ada_norm=labels_of(recipe),
    )
    _start_as_identity(model)
    return model


def _pixart(recipe: Recipe) -> PixArtTransformer2DModel:
    model = PixArtTransformer2DModel(
        num_attention_heads=recipe.width // HEAD,
        attention_head_dim=HEAD,
        in_channels=_in_channels(recipe),
        out_channels=recipe.space.channels,
        num_layers=recipe.layers,
        cross_attention_dim=recipe.width,
        sample_size=recipe.space.size,
        patch_size=recipe.space.patch,
        caption_channels=TEXT_WIDTH,
    )
    _start_as_identity(model)
    return model


def t5(words: int) -> T5EncoderModel:
    """A small text encoder with random weights for a vocabulary."""
    config = T5Config(
        vocab_size=words,
        d_model=TEXT_WIDTH,
        d_kv=HEAD,
        d_ff=2 * TEXT_WIDTH,
        num_layers=2,
        num_heads=TEXT_WIDTH // HEAD,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        n_positions=MAX_TOKENS,  # pyright: ignore[reportCallIssue]
    )
    return T5EncoderModel(config)


@torch.no_grad()
def _start_as_identity(model: nn.Module) -> None:
    """Zero the output and the gates of every block, as in DiT (arXiv 2212.09748).

    Rows of the label table that no class uses are zeroed too.
    """
    parts: Any = model
    out = parts.proj_out if hasattr(parts, "proj_out") else parts.proj_out_2
    nn.init.zeros_(out.weight)
    nn.init.zeros_(out.bias)
    for name, module in model.named_modules():
        if name.endswith("norm1.linear"):
            nn.init.zeros_(module.weight)  # type: ignore[arg-type]
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if name.endswith("embedding_table"):
            module.weight[20:-1] = 0  # type: ignore[index,operator]
        if name.endswith("attn2.to_out.0"):
            nn.init.zeros_(module.weight)  # type: ignore[arg-type]
