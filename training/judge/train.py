"""Train the judge on renders, then write it beside the experts."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training.budget import RUNS, Budget, device, log
from training.codec import open_frozen
from training.judge.data import Truth, pool, weathered
from training.judge.folder import MODELS, write
from training.judge.network import Judge, fast
from training.judge.objective import Scores, examine, loss_of
from training.precision import halved
from training.trainer import Trainer

TRAIN, TEST = "judge-train", "judge-test"
BATCH, SEED = 24, 77
CODEC_SHARE = 0.25


class JudgeTraining:
    """The judge, its pictures and its trainer; resumable from its checkpoint.

    A quarter of every batch is seen as the autoencoder returns it, once there is one.
    """

    def __init__(self, pictures: int, runs: Path = RUNS, rate: float = 2e-3) -> None:
        self.run = runs / "judge"
        self.device = device()
        self.truth = pool(TRAIN, pictures, self.run)
        torch.manual_seed(SEED)
        self.judge = fast(Judge().to(self.device))
        self.trainer = Trainer(self.judge, self.run / "state.pt", lr=rate, ema=0.995)
        self.trainer.resume()
        self.codec = self._codec(runs / "autoencoder" / "vae")

    def advance(self, progress: float) -> float:
        """Do one step; its randomness depends on the step number alone."""
        generator = torch.Generator().manual_seed(SEED * 10**9 + self.trainer.step)
        chosen = torch.randint(len(self.truth), (BATCH,), generator=generator)
        batch = self.truth.rows(chosen).to(self.device)
        pictures = self._seen(batch, generator)
        self.judge.train()
        with halved(self.device.type):
            reading = self.judge(pictures.contiguous(memory_format=torch.channels_last))
        return self.trainer.apply(loss_of(self.judge, reading, batch), progress)

    def scores(self, truth: Truth) -> Scores:
        """How the averaged weights read held-out renders."""
        self.trainer.ema.swap()
        result = examine(self.judge, truth)
        self.trainer.ema.swap()
        return result

    def _seen(self, batch: Truth, generator: torch.Generator) -> Tensor:
        sharp = batch.picture.float() / 255
        if self.codec is not None:
            some = int(CODEC_SHARE * len(sharp))
            sharp = torch.cat([_through(self.codec, sharp[:some]), sharp[some:]])
        return weathered(sharp.cpu(), generator).to(self.device)

    def _codec(self, folder: Path) -> AutoencoderKL | None:
        if not folder.exists():
            return None
        codec: Any = open_frozen(folder)
        return codec.to(self.device)


@torch.no_grad()
def _through(codec: Any, pictures: Tensor) -> Tensor:
    """Pictures [n, 3, h, w] in [0, 1] as the autoencoder returns them."""
    with halved(pictures.device.type):
        latents = codec.encode(pictures * 2 - 1).latent_dist.mode()
        return (codec.decode(latents).sample.float() * 0.5 + 0.5).clamp(0, 1)


def train(
    steps: int | None = None,
    minutes: float | None = None,
    *,
    pictures: int = 5000,
    held_out: int = 512,
    rate: float = 2e-3,
    runs: Path = RUNS,
    folder: Path = MODELS,
) -> None:
    """Train for a budget, from the checkpoint if there is one, and write the judge's folder."""
    torch.set_num_threads(1)
    training = JudgeTraining(pictures, runs, rate)
    test = pool(TEST, held_out, training.run)
    budget = Budget(steps, minutes)
    last, loss = 0.0, 0.0
    for progress, bar in budget.ticks("judge"):
        loss = training.advance(progress)
        training.trainer.examples += BATCH
        if budget.elapsed - last > 120:
            last = budget.elapsed
            bar.set_postfix(_report(training, loss, test.rows(slice(0, 128))))
            training.trainer.save()
    _report(training, loss, test)
    training.trainer.save()
    training.trainer.ema.swap()
    write(training.judge, training.scores(test), training.trainer, (pictures, held_out), folder)
    training.trainer.ema.swap()


def _report(training: JudgeTraining, loss: float, test: Truth) -> dict[str, float]:
    """Examine and log."""
    scores = training.scores(test)
    entry = {
        "loss": loss,
        "accuracy": round(scores.mean_accuracy, 4),
        "mean_iou": round(scores.mean_iou, 4),
        "edges": round(scores.edges, 4),
    }
    detail = {"accuracies": scores.accuracy, "iou": scores.iou}
    log(training.run / "log.jsonl", step=training.trainer.step, **entry, **detail)
    print(json.dumps(entry), flush=True)
    return entry
