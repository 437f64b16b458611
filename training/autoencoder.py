"""Train a Playground autoencoder, first whole and later its decoder alone.

The latents are fixed when the encoder is frozen, because every expert is trained on them:
`--decoder-only` continues without moving them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from training import codec
from training.budget import RUNS, Budget, device, log
from training.pictures import held_out, pool
from training.precision import halved
from training.spaces import PLAYGROUND, Space
from training.trainer import Trainer


@dataclass(frozen=True)
class Settings:
    """What distinguishes one autoencoder training from another.

    Attributes:
        batch: pictures per process and step.
        pictures: size of the pool that each process renders before it starts.
        lr: peak learning rate.
        decay: share of the budget over which the rate falls to zero.
        kl: weight of the Kullback-Leibler term per latent number.
        edges: weight of the loss on differences between neighbouring pixels.
        noise: greatest deviation of the noise put on standardised latents in `decoder_only`.
        decoder_only: keep encoder and latents as they are.
        processes: single-thread processes that share each step.
        space: the latent space that it makes.
    """

    batch: int = 8
    pictures: int = 3000
    lr: float = 2e-3
    decay: float = 0.6
    kl: float = 1e-4
    edges: float = 0.5
    noise: float = 0.1
    decoder_only: bool = False
    processes: int = 2
    space: Space = PLAYGROUND
    checkpoint_minutes: float = 2.0


def reconstruction_loss(decoded: Tensor, target: Tensor, edges: float) -> Tensor:
    """Absolute plus squared error, plus absolute error of pixel differences; all in [-1, 1]."""
    error = decoded - target
    across, down = error.diff(dim=-1), error.diff(dim=-2)
    edge = across.abs().mean() + down.abs().mean()
    return error.abs().mean() + 2 * error.square().mean() + edges * edge


def loss_of(vae: Any, pictures: Tensor, settings: Settings, generator: torch.Generator) -> Tensor:
    """The training loss of pictures [n, 3, h, w] in [0, 1]."""
    target = pictures * 2 - 1
    with halved(pictures.device.type):
        if settings.decoder_only:
            with torch.no_grad():
                latent = vae.encode(target).latent_dist.mode()
            size = torch.rand(len(latent), 1, 1, 1, generator=generator, device=latent.device)
            noise = torch.randn(latent.shape, generator=generator, device=latent.device)
            latent = latent + settings.noise * size * noise
            return reconstruction_loss(vae.decode(latent).sample.float(), target, settings.edges)
        posterior = vae.encode(target).latent_dist
        mean, deviation = posterior.mean.float(), posterior.std.float()
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        decoded = vae.decode(mean + deviation * noise).sample.float()
    kl = 0.5 * (mean.square() + deviation.square() - 1).mean() - deviation.log().mean()
    return reconstruction_loss(decoded, target, settings.edges) + settings.kl * kl


class SharedTrainer(Trainer):
    """A trainer whose gradients are averaged over the processes of the training."""

    def reduce(self) -> None:
        """Replace every gradient by its mean over processes."""
        if not dist.is_initialized():
            return
        grads = [p.grad for p in self.parameters if p.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for grad, mean in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
            grad.copy_(mean.view_as(grad))


def _agree(progress: float) -> float:
    if not dist.is_initialized():
        return progress
    shared = torch.tensor(progress)
    dist.broadcast(shared, 0)
    return float(shared)


class Training:
    """One process of the training: model, trainer, its own part of the pictures."""

    def __init__(self, settings: Settings, rank: int, run: Path) -> None:
        self.settings, self.rank, self.run = settings, rank, run
        torch.manual_seed(0)
        self.device = device()
        self.vae: Any = codec.build(settings.space).to(self.device)
        if settings.decoder_only:
            self.vae = codec.open_frozen(run / "vae").to(self.device)
            self.vae.decoder.requires_grad_(True)
            self.vae.post_quant_conv.requires_grad_(True)
        self.trainer = SharedTrainer(
            self.vae,
            run / ("decoder.pt" if settings.decoder_only else "whole.pt"),
            lr=settings.lr,
            ema=0.998 if settings.decoder_only else 0.995,
            decay=settings.decay,
        )
        self.trainer.resume()

    def advance(self, pictures: Tensor, progress: float) -> float:
        """Do one step and return its loss."""
        seeded = torch.Generator(self.device).manual_seed(self.trainer.step * 64 + self.rank)
        loss = loss_of(self.vae, self._batch(pictures), self.settings, seeded)
        return self.trainer.apply(loss, progress)

    def _batch(self, pictures: Tensor) -> Tensor:
        draws = torch.Generator().manual_seed(self.trainer.step * 64 + self.rank)
        chosen = torch.randint(len(pictures), (self.settings.batch,), generator=draws)
        batch = pictures[chosen].to(self.device).float() / 255
        return batch.flip(-1) if torch.rand((), generator=draws) < 0.5 else batch

    def score(self, pictures: Tensor) -> float:
        """PSNR of the averaged weights on pictures [n, 3, 128, 128]."""
        self.trainer.ema.swap()
        shown = pictures.to(self.device)
        result = codec.psnr(codec.decode(self.vae, codec.encode(self.vae, shown)), shown)
        self.trainer.ema.swap()
        return result


def _work(rank: int, settings: Settings, budget_args: dict[str, Any], run: Path) -> None:
    if settings.processes > 1:
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=f"file://{run}/meeting", rank=rank, world_size=settings.processes
        )
    training = Training(settings, rank, run)
    shared = {"part": rank, "parts": settings.processes, "folder": run}
    pictures = pool(settings.pictures, **shared, conditions=not settings.decoder_only)
    shown = held_out(64)
    budget = Budget(**budget_args)
    last = 0.0
    for progress, bar in budget.ticks(settings.space.autoencoder, _agree):
        loss = training.advance(pictures, progress)
        if rank == 0 and (budget.elapsed - last) > 60 * settings.checkpoint_minutes:
            last = budget.elapsed
            training.trainer.save()
            entry = {"step": training.trainer.step, "loss": loss, "psnr": training.score(shown)}
            log(run / "log.jsonl", **entry, minutes=round(budget.elapsed / 60, 2))
            bar.set_postfix(entry)
            print(entry, flush=True)
    if dist.is_initialized():
        dist.destroy_process_group()
    if rank == 0:
        training.trainer.save()
        finish(training, shown)


def finish(training: Training, shown: Tensor) -> None:
    """Store the averaged weights as `vae`, and the preview and the score beside it."""
    training.trainer.ema.swap()
    vae, run = training.vae, training.run
    fitted = held_out(256, start=1000).to(training.device)
    if not training.settings.decoder_only:
        codec.standardise(vae, fitted)
    vae.save_pretrained(run / "vae")
    latents = codec.encode(vae, fitted)
    (run / "preview.json").write_text(json.dumps(codec.fit_preview(latents, fitted)))
    decoded = codec.decode(vae, codec.encode(vae, shown.to(training.device))).cpu()
    score = {"psnr": round(codec.psnr(decoded, shown), 3), "steps": training.trainer.step}
    (run / "score.json").write_text(json.dumps(score))
    print(score, flush=True)


def train(
    settings: Settings, steps: int | None, minutes: float | None, run: Path | None = None
) -> None:
    """Train for the budget, from the last checkpoint if there is one, and store the result."""
    run = run or RUNS / settings.space.autoencoder
    run.mkdir(parents=True, exist_ok=True)
    (run / "meeting").unlink(missing_ok=True)
    budget = {"steps": steps, "minutes": minutes}
    if settings.processes == 1:
        _work(0, settings, budget, run)
    else:
        mp.spawn(_work, (settings, budget, run), nprocs=settings.processes)  # pyright: ignore[reportPrivateImportUsage]
