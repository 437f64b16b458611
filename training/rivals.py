"""What else can be made of the same pairs in the same minutes: the expert fine-tuned, a ControlNet.

They are trained as a modulator is, and measured beside it; neither ships.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers import DiTTransformer2DModel
from safetensors.torch import load_file, save
from torch import Tensor, nn

from graph.companions import Companion
from graph.levels import NoiseLevel
from graph.library import Library, Model
from graph.machine import Machine
from graph.native import native_of
from graph.palettes import MaskClass
from graph.parametrisation import Parametrisation
from graph.planes import Mapped, plane_count
from graph.weights import frozen
from graph.writing import write_atomically
from training.budget import RUNS, Budget
from training.modulators import ModulatorTraining, Settings, Task
from training.pairs import Material
from training.running import advance

WEIGHTS = "module.safetensors"


class Sighted(nn.Module):
    """A DiT of diffusers that is shown maps beside its state; `told` planes are patched like it.

    What the maps add to the patches begins at zero, so that it starts as the transformer it is.
    """

    def __init__(self, transformer: Any, told: int) -> None:
        super().__init__()
        width, patch = transformer.inner_dim, transformer.config.patch_size
        self.null = int(transformer.config.num_embeds_ada_norm)
        self.embed = _silent(nn.Conv2d(told, width, patch, stride=patch))

    def seen(self, told: Tensor) -> Tensor:
        """What the maps add to every patch, [n, patches, width]."""
        return self.embed(told).flatten(2).mT

    def asked(self, x: Tensor, time: Tensor) -> dict[str, Tensor]:
        """What a block is told beside the patches: the time, and no class."""
        return {"timestep": time, "class_labels": x.new_full((len(x),), self.null).long()}


class FineTuned(Sighted):
    """All weights of the expert go on learning."""

    def __init__(self, transformer: Any, told: int) -> None:
        super().__init__(transformer, told)
        self.transformer: Any = copy.deepcopy(transformer).float().requires_grad_(True)

    def forward(self, x: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """The expert's own answer."""
        with added({self.transformer.pos_embed: self.seen(told)}):
            return self.transformer(x, **self.asked(x, time), return_dict=False)[0]


class Controlled(Sighted):
    """A ControlNet (arXiv 2302.05543) of a transformer: its first half again, added to the frozen.

    Each block of the copy adds to the block that it was copied from, through a layer of zeros.
    """

    def __init__(self, transformer: Any, told: int) -> None:
        super().__init__(transformer, told)
        self._frozen = (transformer,)  # in a tuple it is no part that is trained or saved
        blocks = transformer.transformer_blocks[: len(transformer.transformer_blocks) // 2]
        self.blocks = copy.deepcopy(blocks).float().requires_grad_(True)
        width = transformer.inner_dim
        self.zeros = nn.ModuleList(_silent(nn.Linear(width, width)) for _ in self.blocks)

    def forward(self, x: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """The frozen expert's answer with what the copy adds."""
        (transformer,), asked = self._frozen, self.asked(x, time)
        hidden = transformer.pos_embed(x) + self.seen(told)
        extra: dict[nn.Module, Tensor] = {}
        pairs = zip(self.blocks, self.zeros, transformer.transformer_blocks, strict=False)
        for block, zero, base in pairs:
            hidden = block(hidden, **asked)
            extra[base] = zero(hidden)
        with added(extra):
            return transformer(x, **asked, return_dict=False)[0]


NETWORKS: Mapping[str, type[FineTuned | Controlled]] = {
    "fine-tuned": FineTuned,
    "controlnet": Controlled,
}
RATES: Mapping[str, float] = {"fine-tuned": 5e-4, "controlnet": 1e-3}
"""Peak learning rates."""


@contextmanager
def added(extra: Mapping[nn.Module, Tensor]) -> Generator[None]:
    """Add to what modules answer, for as long as this lasts."""

    def more(_module: nn.Module, _given: Any, answer: Tensor, *, what: Tensor) -> Tensor:
        return answer + what.to(answer)

    with ExitStack() as stack:
        for module, what in extra.items():
            hook = module.register_forward_hook(partial(more, what=what))
            stack.callback(hook.remove)
        yield


def _silent(layer: Any) -> Any:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Rival(Mapped):
    """A network that answers v' itself, played as a modulator is: it changes v by v' − v."""

    networks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, network: Any, native: Parametrisation, *told: Any) -> None:
        super().__init__(network, *told)
        self._native = native

    @classmethod
    def load(cls, companion: Companion, machine: Machine) -> Rival:
        """No folder of a library holds one; they are opened by `opened`."""
        raise NotImplementedError

    def changes(self, x: Tensor, velocity: Tensor, noise: Tensor, maps: Tensor) -> Tensor:
        """v' − v, where v' is what the expert's own kind of network answers."""
        levels = map(NoiseLevel.from_noise, noise.tolist())
        times = [self._native.times.native(level).time for level in levels]
        like = next(self.network.parameters())
        answer = self.network(x.to(like), x.new_tensor(times), maps.to(like))
        return answer[:, : x.shape[1]].to(x) - velocity


class RivalTraining(ModulatorTraining):
    """The training of a modulator, of the network that the task is named after."""

    family: ClassVar[str] = "rivals"
    needs_base: ClassVar[bool] = False

    def untrained(self, learned: Material, where: torch.device) -> Mapped:
        """The rival before its first step."""
        network = NETWORKS[self.task.name]
        machine = Machine(where, torch.float32)
        return _rival(network, self.model, machine, self.task.maps, learned.palette)

    def write(self, *folders: Path) -> dict[str, float]:
        """Write the averaged weights into the run, for the judge."""
        self.trainer.ema.swap()
        content = save(self.module.network.state_dict())
        self.trainer.ema.swap()
        for folder in folders:
            write_atomically(folder / WEIGHTS, content)
        bent, plain = self.validate()
        return {"steps": self.trainer.step, "held_out": bent, "base": plain}


def opened(library: Library, machine: Machine, runs: Path = RUNS) -> dict[str, tuple[Path, Rival]]:
    """The rivals that have been trained, by name, each with the file of its weights."""
    found: dict[str, tuple[Path, Rival]] = {}
    for name, network in NETWORKS.items():
        run = runs / RivalTraining.family / name
        if not (run / "module" / WEIGHTS).exists():
            continue
        facts = json.loads((run / "facts.json").read_text())
        palette = tuple(map(MaskClass.model_validate, facts["palette"]))
        model = library.model(facts["base"])
        rival = _rival(network, model, machine, facts["maps"], palette)
        rival.network.load_state_dict(load_file(run / "module" / WEIGHTS))
        rival.network.to(machine.precision).requires_grad_(False)
        found[name] = run / "module" / WEIGHTS, rival
    return found


def _rival(
    network: type[FineTuned | Controlled],
    model: Model,
    machine: Machine,
    kinds: Sequence[str],
    palette: tuple[MaskClass, ...],
) -> Rival:
    """Before its first step; ValueError for a base that is no DiT that predicts v."""
    if (model.pipeline, model.prediction) != ("DiTPipeline", "v_prediction"):
        raise ValueError(f"'{model.name}' is no DiT that predicts v, of which rivals are made.")
    transformer = frozen(DiTTransformer2DModel, model.folder / "transformer", machine)
    factor = model.space.scale
    told = sum(plane_count(kind, factor, palette) + 1 for kind in kinds)
    channels, height, width = model.space.shape
    made = network(transformer, told).to(machine.device).eval()
    native = native_of(model.folder / "scheduler")
    return Rival(made, native, kinds, (channels, height, width), palette, factor)


def train(name: str, pairs: int, steps: int | None, minutes: float | None, models: Path) -> None:
    """Train a rival for a budget on the pairs of the modulator that ships."""
    torch.set_num_threads(1)
    settings = Settings(lr=RATES[name])
    training = RivalTraining(Task(name, pairs=pairs, draw="maps"), settings, models)
    advance(training, Budget(steps, minutes))
    print(training.write(training.run / "module"), flush=True)
