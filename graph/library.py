"""The library: experts and files that workflows may name, known without loading torch."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graph.assets import AssetStore
from graph.companions import Companion, open_companion
from graph.controlnets import no_base, open_controlnet, read_widths
from graph.errors import ChoraleError, Diagnostic
from graph.folders import (
    Folder,
    check_pickle,
    content_hash,
    network_hash,
    read_folder,
    read_json,
    stamp,
    stat,
)
from graph.headers import header
from graph.lora import PEFT_CONFIG, Lora, read_lora
from graph.onefile import READERS, VAE, OneFile, bytes_of, read_onefile, tensors_hash
from graph.palettes import MaskClass
from graph.pipelines import check_pipeline
from graph.shelves import Folders, Shelves, has_weights, unknown
from graph.signatures import is_sound
from graph.sounds import Sound, open_sound

ConditionKind = Literal[
    "text", "class", "mask", "sketch", "none", "text+mask+sketch", "text+photo", "text+photo+region"
]
NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*){0,7}", re.ASCII)
KEPT_SOUNDS = 32
COLOURS = 3


@dataclass(frozen=True, slots=True)
class Space:
    """A latent space: experts can be mixed when they share `id` (the autoencoder's hash).

    `scale` is how many pixels a place of the state has on a side; a picture shows so many `points`,
    each of them a sample.
    """

    id: str
    label: str
    shape: tuple[int, ...]
    scale: int = 1
    points: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures in pixels."""
        height, width = (side * self.scale for side in self.shape[1:] or (1, 1))
        return width, height

    def sized(self, width: int, height: int) -> Space:
        """The same space for pictures of so many pixels, where it has places at all."""
        if len(self.shape) != 3:
            return self
        return replace(self, shape=(self.shape[0], height // self.scale, width // self.scale))

    @property
    def pictorial(self) -> bool:
        """Whether its states are pictures of three colours, or have an autoencoder that makes them.

        A place of a state of pixels is a pixel.
        """
        return len(self.shape) == 3 and (self.scale > 1 or self.shape[0] == COLOURS)

    def __str__(self) -> str:
        return f"{self.label} ({'×'.join(map(str, self.shape))})"


class Preview(BaseModel):
    """A linear map from a latent place, with its neighbours, to a patch of k×k colours in [0, 1].

    `window` is how many places a side are seen, an odd number. `weight` is
    [channels·window², 3·k²] and `bias` [3·k²]; rows are ordered channel, row, column, columns
    colour, row, column.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    window: int = Field(default=1, ge=1, le=7)
    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def fits(self, channels: int) -> bool:
        """Whether the map has the form it must have for latents of so many channels."""
        places = len(self.bias) // 3
        return (
            self.window % 2 == 1
            and len(self.bias) == 3 * math.isqrt(places) ** 2 > 0
            and len(self.weight) == channels * self.window**2
            and all(len(row) == len(self.bias) for row in self.weight)
        )


class Card(BaseModel):
    """What an expert's folder says of itself in card.json, beyond diffusers' own files."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    condition: ConditionKind
    space: str = "latent"
    palette: tuple[MaskClass, ...] = ()
    labels: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    preview: Preview | None = None
    level_range: tuple[float, float] = Field(default=(0.0, 1.0))


@dataclass(frozen=True)
class Model:
    """An expert's folder: what diffusers' files and the card say about it."""

    name: str
    folder: Path
    card: Card
    space: Space
    pipeline: str
    prediction: str = "epsilon"
    file: Path | None = None
    """The one file that its weights lie in, where they do not lie in the folder."""

    @property
    def hash(self) -> str:
        """16 hexadecimal digits for the weights of its denoiser, kept until they change."""
        return content_hash(self.file) if self.file else network_hash(self.folder)

    @property
    def canvas(self) -> tuple[int, int]:
        """Width and height of its pictures in pixels."""
        return self.space.size


class Library:
    """Models on shelves and files by content hash."""

    def __init__(self, models: Folders, assets: Path) -> None:
        self.shelves = Shelves(models)
        self.assets = AssetStore(assets)
        self._known: dict[str, tuple[object, Model]] = {}
        self._known_loras: dict[str, tuple[object, Lora]] = {}
        self._known_companions: dict[str, tuple[object, Companion]] = {}
        self._sounds: OrderedDict[str, Sound] = OrderedDict()

    @property
    def folder(self) -> Path:
        """Where what is fetched or trained goes."""
        return self.shelves.folders[0]

    def names(self) -> tuple[str, ...]:
        """Every expert below the model folders, in alphabetical order."""
        return tuple(self.shelves.models())

    def loras(self) -> tuple[str, ...]:
        """Every LoRA file below the model folders, in alphabetical order."""
        return tuple(self.shelves.loras())

    def lora(self, name: str) -> Lora:
        """The LoRA file of that name; ChoraleError M001, M004, M010, M013, M042, M043 or M055."""
        remedy = "Put a LoRA file below the model folder."
        path = self.shelves.place(name, self.loras(), _fetching(name) or remedy)
        known = self._known_loras.get(name)
        before = stat(path), stat(path.with_name(PEFT_CONFIG))
        if known and known[0] == before:
            return known[1]
        check_pickle(name, path)
        lora = read_lora(name, path)
        self._known_loras[name] = (before, lora)
        return lora

    def attempt_lora(self, name: str) -> Lora | ChoraleError:
        """The LoRA file, or what is wrong with it."""
        try:
            return self.lora(name)
        except ChoraleError as error:
            return error

    def models(self, condition: str | None = None) -> tuple[Model, ...]:
        """The models that can be used, of one kind of condition if given."""
        found = (model for model in map(self.attempt, self.names()) if isinstance(model, Model))
        return tuple(each for each in found if condition in (None, each.card.condition))

    def lender(self, name: str) -> Folder | None:
        """The folder of that name, if it has no weights and its configurations load others'."""
        folder = self.shelves.at(name)
        if folder is None or not folder.is_dir() or any(map(has_weights, folder.rglob("*"))):
            return None
        try:
            found = read_folder(name, folder, weights=False)
            check_pipeline(name, folder, found.pipeline, found.shape[0])
        except ChoraleError:
            return None  # whoever opens it is told why
        return found if found.pipeline in READERS else None

    def problems(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the folders and files that cannot be used."""
        found = map(self.attempt, (name for name in self.names() if self.lender(name) is None))
        wrong = [d for error in found if not isinstance(error, Model) for d in error.diagnostics]
        return tuple(wrong)

    def model(self, name: str) -> Model:
        """The model of that name.

        ChoraleError M001 to M007, M010, M012, M013, M023, M041, M042 or M053.
        """
        known = self._known.get(name)
        if known and known[0] == _stamp(known[1]):
            return known[1]
        names = self.names()
        remedy = (
            "Choose one of them." if names else "Put a diffusers folder below the model folder."
        )
        place = self.shelves.place(name, names, _fetching(name) or remedy)
        before = stamp(place)
        model = self._open_file(name, place) if place.is_file() else _open(name, place)
        self._known[name] = (_stamp(model) if model.file else before, model)
        return model

    def _open_file(self, name: str, path: Path) -> Model:
        """The checkpoint of one file, with the configs and tokenizers of a folder of its family."""
        check_pickle(name, path)
        found = read_onefile(name, path)
        card = path.with_suffix(".json")
        told = read_json(name, card) if card.is_file() else {}
        base = self._base_of(found, told.get("base"))
        folder = read_folder(name, base, weights=False)
        check_pipeline(name, base, folder.pipeline, folder.shape[0])
        space = Space(self._space_of(path), "latent", folder.shape, folder.scale)
        made = _card_of(name, card.name, {"condition": folder.condition, **told})
        if made.space != space.label:
            space = replace(space, label=made.space)
        return Model(name, base, made, space, folder.pipeline, folder.prediction, path)

    def _base_of(self, found: OneFile, told: object) -> Path:
        """The folder that lends a checkpoint its configs and tokenizers; ChoraleError M041."""
        names = {name: path for name, path in self.shelves.models().items() if path.is_dir()}
        for name in names if told is None else [str(told)]:
            if name in names and _lends(name, names[name], found):
                return names[name]
        where = f"the folder '{told}' that its card names is none" if told else "no folder is one"
        raise ChoraleError(
            Diagnostic(
                "M041",
                f"'{found.name}' has no configs and tokenizers in it, and {where} of a {found}.",
                "Fetch those of its base: python app.py fetch OWNER/NAME --configs; "
                "or copy its .json and .txt files, in their folders, below the model folder.",
            )
        )

    def _space_of(self, path: Path) -> str:
        """The id of a file's latent space: that of a folder whose autoencoder has its numbers."""
        size = bytes_of(path, VAE)
        for folder in filter(Path.is_dir, self.shelves.models().values()):
            for stored in sorted((folder / "vae").glob("*.safetensors")):
                if _bytes(stored) == size and tensors_hash(stored) == tensors_hash(path, VAE):
                    return content_hash(stored)
        return tensors_hash(path, VAE)

    def companions(self) -> tuple[Companion, ...]:
        """The companions that can be used."""
        found = map(self.attempt_companion, self.shelves.companions())
        return tuple(each for each in found if isinstance(each, Companion))

    def companion(self, name: str) -> Companion:
        """The companion of that name.

        ChoraleError M001, M003 to M006, M010, M013, M014, M020, M035, M038 or M041.
        """
        known = self._known_companions.get(name)
        if known and known[0] == _stamp(known[1]):
            return known[1]
        names = tuple(self.shelves.companions())
        remedy = "Train one: python -m training modulator --help."
        place = self.shelves.place(name, names, "Choose one of them." if names else remedy)
        before = stamp(place)
        if place.is_dir():
            companion = open_companion(name, place)
        elif name in names:
            companion = self._open_controlnet(name, place)
            before = _stamp(companion)
        else:
            raise ChoraleError(unknown(name, names, remedy))
        self._known_companions[name] = (before, companion)
        return companion

    def _open_controlnet(self, name: str, path: Path) -> Companion:
        """The ControlNet of one file, with the UNet's configuration of the first folder that fits.

        ChoraleError M013, M038 or M041.
        """
        widths = read_widths(name, path)
        for lender, folder in self.shelves.models().items():
            config = folder / "unet" / "config.json"
            if config.is_file() and widths.fits(unet := read_json(lender, config)):
                return open_controlnet(name, path, folder, unet)
        raise no_base(name, widths)

    def attempt_companion(self, name: str) -> Companion | ChoraleError:
        """The companion, or what is wrong with it."""
        try:
            return self.companion(name)
        except ChoraleError as error:
            return error

    def has(self, sha256: str) -> bool:
        """Whether a file of that name is stored."""
        return sha256 in self.assets

    def picture(self, sha256: str) -> Image.Image:
        """The stored picture; ChoraleError A001 to A007."""
        return self.assets.get(sha256)

    def is_sound(self, sha256: str) -> bool:
        """Whether the file of that name begins like a sound."""
        return is_sound(self.assets.head(sha256))

    def sound(self, sha256: str) -> Sound:
        """The stored sound; ChoraleError A001, A002, A007 or A011 to A015."""
        return self.heard(sha256, self.assets.read)

    def heard(self, sha256: str, read: Callable[[str], bytes]) -> Sound:
        """The sound that `read` gives, kept: a workflow is compiled at every edit."""
        sound = self._sounds.pop(sha256, None) or open_sound(read(sha256))
        self._sounds[sha256] = sound
        while len(self._sounds) > KEPT_SOUNDS:
            self._sounds.popitem(last=False)
        return sound

    def attempt(self, name: str) -> Model | ChoraleError:
        """The model, or what is wrong with it."""
        try:
            return self.model(name)
        except ChoraleError as error:
            return error


def _open(name: str, folder: Path) -> Model:
    found = read_folder(name, folder)
    check_pipeline(name, folder, found.pipeline, found.shape[0])
    card = _card(name, folder, found)
    if card.preview and not card.preview.fits(found.shape[0]):
        raise _bad_card(name, "preview", f"it is no map from {found.shape[0]} channels to a patch")
    if found.autoencoder is None:
        key = "pixels-" + "x".join(map(str, found.shape))
    else:
        key = content_hash(found.autoencoder)
    space = Space(key, card.space, found.shape, found.scale)
    return Model(name, folder, card, space, found.pipeline, found.prediction)


def _card(name: str, folder: Path, found: Folder) -> Card:
    """The folder's own card, or what can be told from its pipeline."""
    if not (folder / "card.json").is_file():
        space = "pixels" if found.autoencoder is None else "latent"
        return Card(condition=cast("ConditionKind", found.condition), space=space)
    return _card_of(name, "card.json", read_json(name, folder / "card.json"))


def _card_of(name: str, file: str, told: Mapping[str, object]) -> Card:
    try:
        return Card.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _bad_card(name, where, first["msg"], file) from None


def _stamp(model: Model | Companion) -> object:
    """Changes whenever a file that it is made of does."""
    if model.file is None:
        return stamp(model.folder)
    return stamp(model.folder), stat(model.file), stat(model.file.with_suffix(".json"))


def _lends(name: str, folder: Path, found: OneFile) -> bool:
    """Whether a folder has the configs that a checkpoint is to be loaded with."""
    try:
        index = read_json(name, folder / "model_index.json")
        unet = read_json(name, folder / "unet" / "config.json")
    except ChoraleError:
        return False
    return index.get("_class_name") == found.pipeline and found.fits(unet)


def _bytes(path: Path) -> int:
    """The bytes of a file's tensors, or −1 for a file that cannot be read."""
    try:
        header(path.name, path)
    except ChoraleError:
        return -1
    return bytes_of(path)


def _bad_card(name: str, where: str, why: str, file: str = "card.json") -> ChoraleError:
    return ChoraleError(
        Diagnostic(
            "M005",
            f"The {file} of '{name}' is wrong at '{where}': {why}.",
            "Write it as docs/experts.md says, or remove it.",
        )
    )


def _fetching(name: str) -> str:
    """How a model is fetched whose name may be one of the hub; "" for another name."""
    repository, file = "/".join(name.split("/")[:2]), "/".join(name.split("/")[2:])
    if "/" not in name or (file and not file.endswith(".safetensors")):
        return ""
    named = f" --file {file}" if file else ""
    return f"If it is on the hub, fetch it: python app.py fetch {repository}{named}"
