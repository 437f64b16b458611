"""The text encoder learns to read before it sees a picture: every word knows its neighbours.

Cross-attention does not know where a word stands. "A red house and a green tree" is therefore two
colours and two things to a picture's network until the encoder has put "red" into "house", which
the loss of a picture alone teaches it very slowly. Here a linear map has to name the three words
before and after each word from that word's state: sentences alone teach it in minutes.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.budget import RUNS, Budget, device, load_checkpoint, log, save_atomically
from training.networks import TEXT_WIDTH, t5
from training.trainer import Trainer
from training.words import PAD, token_ids, tokenizer
from training.world import caption
from training.world.scene import scenes_from, seeds_of

OFFSETS = (-3, -2, -1, 1, 2, 3)
NOBODY = -100
SENTENCES = 20000
BATCH = 96
ENOUGH = 2500
"""Steps after which the encoder reads well."""


def neighbours(ids: Tensor) -> Tensor:
    """The words around each word, NOBODY beyond the ends: [n, k] numbers to [n, k, 6]."""
    here = ids != PAD
    columns: list[Tensor] = []
    for offset in OFFSETS:
        around = torch.roll(ids, -offset, 1)
        there = torch.roll(here, -offset, 1)
        ends = slice(-offset, None) if offset > 0 else slice(0, -offset)
        there[:, ends] = False
        columns.append(torch.where(here & there, around, NOBODY))
    return torch.stack(columns, -1)


class Reader(nn.Module):
    """A text encoder with the linear map that names neighbours, which is thrown away."""

    def __init__(self, words: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = words
        self.text_encoder = t5(words)
        self.proj_out = nn.Linear(TEXT_WIDTH, words * len(OFFSETS))

    def read(self, ids: Tensor) -> Tensor:
        """The states of words, [n, k] to [n, k, 128]."""
        return self.text_encoder(ids, attention_mask=(ids != PAD).float())[0]

    def loss(self, states: Tensor, ids: Tensor) -> Tensor:
        """Mean cross-entropy of the neighbours' names, in nats."""
        named = self.proj_out(states).unflatten(-1, (len(OFFSETS), self.words))
        return F.cross_entropy(named.flatten(0, 2), neighbours(ids).flatten(), ignore_index=NOBODY)


def sentences(draw: str, count: int) -> Tensor:
    """Captions of scenes that nobody draws, as token numbers [count, 32]."""
    scenes = scenes_from(seeds_of(draw, 0, count))
    return token_ids(tokenizer(), [caption(scene, i % 5) for i, scene in enumerate(scenes)]).long()


def train(steps: int | None, minutes: float | None, runs: Path = RUNS) -> float:
    """Train the encoder for a budget and keep it; returns the loss on sentences not trained on."""
    torch.set_num_threads(1)
    reader = Reader(len(tokenizer())).to(device())
    trainer = Trainer(reader, runs / "reading" / "state.pt", lr=2e-3, ema=0.999, decay=0.5)
    trainer.resume()
    known, new = (
        sentences(f"reading{part}", n) for part, n in (("", SENTENCES), (" held out", 500))
    )
    for progress, bar in Budget(steps, minutes).ticks("reading"):
        chosen = torch.randint(
            len(known), (BATCH,), generator=torch.Generator().manual_seed(trainer.step)
        )
        ids = known[chosen].to(device())
        trainer.examples += len(ids)
        loss = trainer.apply(reader.loss(reader.read(ids), ids), progress)
        bar.set_postfix(loss=round(loss, 4), refresh=False)
    trainer.save()
    trainer.ema.swap()
    save_atomically(reader.text_encoder.state_dict(), runs / "reading" / "text_encoder.pt")
    with torch.no_grad():
        ids = new.to(device())
        held_out = float(reader.loss(reader.read(ids), ids))
    log(runs / "reading" / "log.jsonl", step=trainer.step, held_out=held_out)
    print({"step": trainer.step, "held_out": held_out}, flush=True)
    return held_out


def learned(runs: Path = RUNS) -> dict[str, Tensor] | None:
    """The weights of an encoder that has learned to read, or None where none has."""
    return load_checkpoint(runs / "reading" / "text_encoder.pt")
