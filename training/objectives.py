"""What the experts learn to predict, in their native coordinates."""

from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

STEPS = 1000


@dataclass(frozen=True)
class Noised:
    """A training pair.

    Attributes:
        noisy: what the network sees, alpha·x0 + sigma·noise, [n, c, h, w].
        time: what it is told about the level, [n]: 0 to 999 for "v", 1000·t for "flow".
        target: what it shall predict, [n, c, h, w].
    """

    noisy: Tensor
    time: Tensor
    target: Tensor


def scheduler(objective: Literal["v", "flow"]) -> DDIMScheduler | FlowMatchEulerDiscreteScheduler:
    """The diffusers configuration that states the native schedule of an objective."""
    if objective == "flow":
        return FlowMatchEulerDiscreteScheduler(num_train_timesteps=STEPS)
    return DDIMScheduler(
        num_train_timesteps=STEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        timestep_spacing="trailing",
    )


def stratified(count: int, generator: torch.Generator) -> Tensor:
    """Numbers in (0, 1), one from each of `count` equal cells, in random order."""
    device = generator.device
    cells = torch.randperm(count, generator=generator, device=device)
    return (cells + torch.rand(count, generator=generator, device=device)) / count


def velocity(x0: Tensor, noise: Tensor, cells: Tensor, alpha_bars: Tensor) -> Noised:
    """The target v = alpha·noise - sigma·x0 at a uniform discrete time, arXiv 2202.00512."""
    time = (cells * STEPS).long().clamp(max=STEPS - 1)
    alpha = alpha_bars.to(x0.device)[time].sqrt().view(-1, 1, 1, 1)
    sigma = (1 - alpha.square()).sqrt()
    return Noised(alpha * x0 + sigma * noise, time, alpha * noise - sigma * x0)


def flow(x0: Tensor, noise: Tensor, cells: Tensor) -> Noised:
    """The target u = noise - x0 on the straight path, with logit-normal times, arXiv 2403.03206.

    One cell in ten is uniform instead, so that the ends of the path are seen too.
    """
    uniform = cells.double().clamp(1e-6, 1 - 1e-6)
    time = torch.sigmoid(torch.special.ndtri(uniform))
    rare = torch.arange(len(time), device=time.device) % 10 == 0
    time = torch.where(rare, uniform, time).to(x0.dtype)
    t = time.view(-1, 1, 1, 1)
    return Noised((1 - t) * x0 + t * noise, time * STEPS, noise - x0)


_ALPHA_BARS = scheduler("v").alphas_cumprod


def noised(
    objective: Literal["v", "flow"], x0: Tensor, generator: torch.Generator, lean: float = 0.0
) -> Noised:
    """Draw levels and noise for clean latents [n, c, h, w].

    Args:
        objective: what the network predicts.
        x0: the clean latents.
        generator: where levels and noise come from.
        lean: levels lean to noise: in three of four examples the density of the places on the path,
            whatever it was, is multiplied by u**lean, where u is the share of the path's draws with
            less noise. The fourth keeps what is known of nearly clean pictures from being lost.
    """
    cells = stratified(len(x0), generator)
    leaning = torch.arange(len(cells), device=cells.device) % 4 > 0
    cells = torch.where(leaning, cells ** (1 / (1 + lean)), cells)
    noise = torch.randn(x0.shape, generator=generator, device=x0.device)
    if objective == "v":
        return velocity(x0, noise, cells, _ALPHA_BARS)
    return flow(x0, noise, cells)
