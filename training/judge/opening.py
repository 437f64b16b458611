"""Opens what a table is measured with: experts, codec and judge, with their hashes."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from graph.companions import ModulatorCard
from graph.library import Library
from graph.machine import Machine
from graph.runtime import Runtime
from training import labelled, rivals
from training.judge import folder
from training.judge.ensemble import Cast, shape_of
from training.judge.measure import Bench, digest
from training.judge.rows import EXPERTS, FOREIGN

MODELS = Path(__file__).parents[2] / "assets" / "models"
WORLD = Path(__file__).parents[1] / "world"


def open_bench(cache: Path, precision: str | None = None, models: Path = MODELS) -> Bench:
    """The judge with every Playground expert that is there.

    `precision` is a floating type of torch for the networks; by default the machine's own.

    Raises:
        folder.NobodyError: there is no judge, or no expert.
    """
    machine = Machine.best()
    if precision is not None:
        machine = replace(machine, precision=getattr(torch, precision))
    runtime = Runtime(Library(models, cache), machine)
    names = [name for name in EXPERTS if (models / "playground" / name / "card.json").exists()]
    if not names:
        raise folder.NobodyError(
            f"There is no expert in {models / 'playground'}. "
            "Make them with: python -m training all --minutes 60"
        )
    afar = [name for name in FOREIGN if (models / "playground" / name / "card.json").exists()]
    known = [*names, *afar]
    experts: dict[str, Any] = {name: runtime.expert(f"playground/{name}")[1] for name in known}
    codec = experts[names[0]].codec
    device = machine.device
    weights = _weights(models / "playground", names, afar, str(machine.precision))
    weights["judge"] = folder.digest(models / "judge")
    judge = folder.load(models / "judge", device)
    bending: dict[str, Any] = {}
    leading: dict[str, Any] = {}
    for each in runtime.library.companions():
        if isinstance(each.card, ModulatorCard):
            bending[each.name] = runtime.modulator(each.name)
        else:
            leading[each.name] = runtime.likelihood(each.name)
        files = each.folder.glob("*.safetensors")
        weights[each.name] = f"{digest(files)} {machine.precision}"
    for name, (file, rival) in rivals.opened(runtime.library, machine).items():
        bending[name] = rival
        weights[name] = f"{digest([file])} {machine.precision}"
    for name, (file, likelihood) in labelled.opened(machine).items():
        leading[name] = likelihood
        weights[name] = f"{digest([file])} {machine.precision}"
    shape = shape_of(experts[names[0]])
    return Bench(Cast(experts, shape, codec, device, bending, leading), judge, weights, cache)


def _weights(experts: Path, names: list[str], foreign: list[str], precision: str) -> dict[str, str]:
    """Hashes of the experts by name, of the encoder, of the whole codec and of the world.

    That of a foreign expert is of its autoencoder too.
    """
    parts = ("transformer", "text_encoder", "scheduler", "tokenizer")
    folders = dict.fromkeys(names, parts) | dict.fromkeys(foreign, (*parts, "vae"))
    files = {
        name: [p for part in wanted for p in (experts / name / part).glob("*") if p.is_file()]
        for name, wanted in folders.items()
    }
    codec = experts / names[0] / "vae" / "diffusion_pytorch_model.safetensors"
    encoder = hashlib.sha256()
    for name, values in sorted(load_file(codec).items()):
        if name.startswith(("encoder", "quant_conv")):
            encoder.update(name.encode() + values.numpy().tobytes())
    return {
        **{name: f"{digest(found)} {precision}" for name, found in files.items()},
        "encoder": f"{encoder.hexdigest()} {precision}",
        "codec": f"{digest([codec])} {precision}",
        "world": digest(WORLD.glob("*.py")),
    }
