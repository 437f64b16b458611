"""Workflows put together at random from what there is, to be run beside their exported files.

`python -m tests.graph.export.composed COUNT [SEED]` tries many, and prints what is refused by name,
what fails and what differs.
"""

from __future__ import annotations

import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image

from graph import correctors, forms, fusion, guidance, samplers, schedules
from graph.compile import compile_workflow
from graph.errors import ChoraleError
from graph.events import ControlValue, Performance
from graph.export.script import export
from graph.folders import network_hash
from graph.interfaces import (
    Corrector,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    NoiseSchedule,
    Sampler,
)
from graph.library import Library
from graph.plan import Plan
from graph.registry import choices
from nodes import catalogue
from tests.graph.adapters import making
from tests.graph.adapters.workflows import stored
from tests.graph.classifiers import write_classifier
from tests.graph.documents import Nodes, document
from tests.graph.experts import folders, loras
from tests.graph.export.exported import agree, by_engine
from tests.graph.modules import write_modulator

SCENES = ["sea at night", "sea by day", "meadow by day"]
SAMPLERS = sorted(set(choices(samplers, Sampler)) - {"consistency"})
SCHEDULES = sorted(choices(schedules, NoiseSchedule))
CORRECTORS = sorted(choices(correctors, Corrector))
RULES = sorted(choices(fusion, FusionRule))
FORMS = sorted(choices(forms, GuidanceForm))
METHODS = sorted(choices(guidance, GuidanceMethod))
SPACES = ("latent", "latent", "latent", "edited", "foreign", "pixels", "formula", "plane")
EXPERTS = {
    "latent": ("class", "none", "text", "words"),
    "edited": ("edit",),
    "foreign": ("other",),
    "pixels": ("pixels",),
    "formula": ("gaussian",),
    "plane": ("plane",),
}
ADAPTERS = ("net", "sketches", "likeness")
SEEN = {"resnet": "class", "segformer": "mask", "depth_anything": "depth"}


def library_of(models: Path) -> Library:
    """Experts of four spaces, and a companion of every kind."""
    card = {"condition": "class", "labels": SCENES}
    folders.dit(models / "class", card=card)
    folders.dit(models / "none", card={"condition": "none"}, prediction_type="sample")
    folders.pixart(models / "text")
    base = folders.stable_diffusion(models / "words")
    folders.instruct_pix2pix(models / "edit")
    folders.dit(models / "other", card=card)
    torch.manual_seed(5)
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 8),
        norm_num_groups=2,
        latent_channels=folders.CHANNELS,
    ).save_pretrained(models / "other" / "vae")
    folders.pixels(models / "pixels", side=32)
    making.controlnet(models / "net", base)
    making.t2i_adapter(models / "sketches")
    making.ip_adapter(models / "likeness", base)
    pipeline: Any = StableDiffusionPipeline.from_pretrained(base)
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    loras.kohya(models / "ink.safetensors", networks, 1)
    for kind in SEEN:
        write_classifier(models / kind, kind)
    library = Library(models, models.parent / "assets")
    model = library.model("none")
    told: dict[str, Any] = {"base_hash": network_hash(model.folder), "space_id": model.space.id}
    write_modulator(models / "maps", base="none", shape=model.space.shape, factor=8, **told)
    return library


class Composer:
    """One workflow, from one seed."""

    def __init__(self, library: Library, seed: int) -> None:
        self._library, self._chance = library, random.Random(seed)
        self.nodes: Nodes = {
            "text": ("text", {"text": "a red boat"}),
            "class": ("label", {"name": SCENES[1]}),
            "target": ("label", {"name": SCENES[0]}),
            "photo": ("photo", {"picture": stored(library, making.picture())}),
            "mask": ("mask", {"picture": stored(library, making.picture())}),
            "sketch": ("sketch", {"picture": stored(library, making.picture().convert("L"))}),
            "depth": ("depth", {"picture": stored(library, Image.linear_gradient("L"))}),
        }
        self.wires: list[str] = []
        self._scores: dict[str, list[str]] = {}
        self._loud: list[str] = []
        space = self._one(SPACES)
        top = self._score(space, 2)
        self.nodes["sampler"] = ("sampler", self._sampling())
        self.nodes["picture"] = ("picture", {})
        self.wires += [f"{top}.score > picture.score", "sampler.sampling > picture.sampling"]

    def _one(self, values: Any) -> Any:
        return self._chance.choice(list(values))

    def _often(self, chance: float) -> bool:
        return self._chance.random() < chance

    def _name(self, kind: str, settings: dict[str, Any]) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.nodes[name] = (kind, settings)
        return name

    def _sampling(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "steps": self._one((2, 3, 4)),
            "seed": self._chance.randrange(99),
            "count": self._one((1, 1, 2)),
            "method": {"name": self._one(SAMPLERS)},
            "schedule": {"name": self._one(SCHEDULES)},
        }
        if self._often(0.2):
            found["corrector"] = {"name": self._one(CORRECTORS)}
        if self._often(0.15):
            found["wide"] = 2
        if self._often(0.15):
            found |= {"width": 40, "height": 32}
        return found

    def _faded(self, **settings: Any) -> dict[str, Any]:
        """Ranges and switches, as people set them."""
        found = dict(settings)
        if self._often(0.15):
            found["from_noise"] = self._one((0.9, 0.6))
        if self._often(0.15):
            found["to_noise"] = self._one((0.3, 0.1))
        if self._often(0.05):
            found[self._one(("muted", "solo"))] = True
        return found

    def _weighed(self, name: str) -> str:
        """A node with what may be wired to its reliability."""
        if self._often(0.25):
            kind = self._one(("sweep", "map", "curve"))
            settings: dict[str, Any] = {
                "sweep": {"start": 0.0, "stop": 1.0, "count": 2},
                "map": {"picture": stored(self._library, Image.linear_gradient("L").rotate(90))},
                "curve": {},
            }[kind]
            self.wires.append(f"{self._name(kind, settings)}.reliability > {name}.reliability")
        return name

    def _score(self, space: str, depth: int) -> str:
        """A score of a space, of one that is there already or a new one."""
        known = self._scores.setdefault(space, [])
        if known and self._often(0.2):
            return self._one(known)
        made = self._made(space, depth)
        known.append(made)
        return made

    def _made(self, space: str, depth: int) -> str:
        kinds = ["expert"]
        if depth > 0:
            kinds += ["fuse", "fuse", "fuse", "guide", "bridge", "form"]
            kinds += ["modulate"] if space == "latent" else []
        return {
            "expert": self._expert,
            "fuse": self._fused,
            "guide": self._guided,
            "bridge": self._bridged,
            "form": self._formed,
            "modulate": self._modulated,
        }[self._one(kinds)](space, depth)

    def _expert(self, space: str, _depth: int) -> str:
        which = self._one(EXPERTS[space])
        told = self._faded(guidance=self._one((1.0, 1.0, 1.0, 2.0, 2.0, 0.5, 0.5, -0.5)))
        if which == "gaussian":
            mean = self._one((-0.5, 0.2, 0.6))
            return self._weighed(
                self._name("gaussian_expert", {**told, "mean": mean, "shape": [3, 16, 16]})
            )
        if which == "plane":
            return self._weighed(self._name("plane_expert", told))
        told["model"] = which
        kind, asked = {
            "class": ("class_expert", "class"),
            "other": ("class_expert", "class"),
            "text": ("text_expert", "text"),
            "words": ("text_expert", "text"),
            "edit": ("edit_expert", "photo"),
        }.get(which, ("unconditional_expert", ""))
        name = self._weighed(self._name(kind, told))
        if asked:
            self.wires.append(f"{asked}.{asked} > {name}.{asked}")
        if which == "words":
            self._told(name)
        if which == "text" and self._often(0.2):
            twin = self._name("weak_twin", {"guidance": -0.5})
            self.wires.append(f"{name}.score > {twin}.score")
        return name

    def _told(self, name: str) -> None:
        """Adapters and a LoRA of a text expert."""
        for adapter in ADAPTERS:
            if self._often(0.3):
                told = self._faded(model=adapter, reliability=0.7, in_null=self._often(0.7))
                node = self._weighed(self._name("adapter", told))
                self.wires += [f"photo.photo > {node}.photo", f"{node}.adapter > {name}.adapters"]
        if self._often(0.3):
            node = self._weighed(self._name("lora", self._faded(model="ink.safetensors")))
            self.wires.append(f"{node}.adapter > {name}.adapters")

    def _fused(self, space: str, depth: int) -> str:
        rule: dict[str, Any] = {"name": self._one(RULES)}
        if rule["name"] == "product" and self._often(0.3):
            rule["reference"] = "own"
        name = self._name("fuse", {"rule": rule})
        inputs = {self._score(space, depth - 1) for _ in range(self._one((1, 2, 2, 3)))}
        self.wires += [f"{each}.score > {name}.scores" for each in sorted(inputs)]
        if self._often(0.4):
            self.wires.append(f"{self._score(space, depth - 1)}.score > {name}.background")
        return name

    def _guided(self, space: str, depth: int) -> str:
        model = self._one(SEEN)
        told = {"model": model, "method": {"name": self._one(METHODS)}, "scale": 0.05}
        name = self._weighed(self._name("guidance", self._faded(**told)))
        asked = SEEN[model]
        source = "target" if asked == "class" else asked
        self.wires += [
            f"{self._score(space, depth - 1)}.score > {name}.score",
            f"{source}.{asked} > {name}.{asked}",
        ]
        return name

    def _modulated(self, space: str, depth: int) -> str:
        name = self._weighed(self._name("modulator", self._faded(model="maps")))
        self.wires += [
            f"{self._score(space, depth - 1)}.score > {name}.score",
            f"sketch.sketch > {name}.sketch",
        ]
        return name

    def _formed(self, space: str, depth: int) -> str:
        name = self._weighed(self._name("guidance_form", {"form": {"name": self._one(FORMS)}}))
        self.wires.append(f"{self._score(space, depth - 1)}.score > {name}.score")
        return name

    def _bridged(self, space: str, depth: int) -> str:
        name = self._name("bridge", {})
        other = self._one(each for each in EXPERTS if each not in (space, "plane"))
        self.wires += [
            f"{self._score(space, 0)}.score > {name}.anchor",
            f"{self._score(other, depth - 1)}.score > {name}.score",
        ]
        return name

    def played(self, plan: Plan) -> Performance | None:
        """Faders that are moved while it plays, now and then."""
        if self._often(0.5):
            return None
        moves: list[tuple[int, str, ControlValue]] = []
        for _ in range(self._one((1, 2, 3))):
            control = self._one(plan.controls)
            if control.kind == "switch":
                value: ControlValue = self._often(0.5)
            elif control.kind == "number":
                low, high = control.low or 0.0, 1.0 if control.high is None else control.high
                value = min(max(self._one((0.0, 0.5, 1.0)), low), high)
            else:
                continue
            moves.append((self._one((0, 1, 2)), control.name, value))
        return Performance(tuple(sorted(moves, key=lambda move: move[0])))


def tried(library: Library, seed: int, folder: Path) -> str:
    """What becomes of one: invalid, does not run, refused, or agrees; raises if it differs.

    What validates has to run or to say why not; what runs has to be the same, or refused by name.
    """
    made = Composer(library, seed)
    found = compile_workflow(document(made.nodes, tuple(made.wires)), catalogue(), library)
    if found.plan is None:
        return "invalid: " + ", ".join(sorted({each.code for each in found.diagnostics}))
    performance = made.played(found.plan) if found.plan.controls else None
    try:
        by_engine(found.plan, library, performance)
    except ChoraleError as error:
        return "does not run: " + error.diagnostics[0].code
    try:
        export(found.plan, library, title="Composed", performance=performance)
    except ChoraleError as error:
        return "refused: " + error.diagnostics[0].message
    agree(library, folder, found.plan, performance)
    return "agrees"


def main() -> None:
    """Try many."""
    count, first = int(sys.argv[1]), int((*sys.argv, "0")[2])
    found = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        library = library_of(Path(folder) / "models")
        for seed in range(first, first + count):
            try:
                said = tried(library, seed, Path(folder) / "out")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                said = f"FAILS: {type(error).__name__} {str(error)[:90]}"
                print(seed, said, flush=True)
                if "-v" in sys.argv:
                    traceback.print_exc()
            if "-v" in sys.argv or said.startswith("refused"):
                print(seed, said, flush=True)
            found[said.partition(":")[0] if said.startswith("invalid") else said] += 1
    for said, times in found.most_common():
        print(times, said)


if __name__ == "__main__":
    main()
