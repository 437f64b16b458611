"""Companions: folders of modules and models that bend an expert; read without torch."""

from __future__ import annotations

import colorsys
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from graph.errors import ChoraleError, Diagnostic
from graph.folders import check_weights, listed, read_json
from graph.headers import header
from graph.palettes import MaskClass

MapKind = Literal["mask", "sketch", "depth"]
MAPS: tuple[MapKind, ...] = get_args(MapKind)
USUAL_MAPS: tuple[MapKind, ...] = ("mask", "sketch")
"""What a modulator is trained for unless it is said otherwise."""
MAX_WEIGHTS = 32 * 2**20
"""Bytes; a modulator is small, and four million parameters are 16 MiB."""
MAX_MODEL = 2 * 2**30
"""Bytes of an off-the-shelf model."""
MODEL_WEIGHTS = "model.safetensors"
ADAPTER_WEIGHTS = "diffusion_pytorch_model"
"""How diffusers' names of weights begin, in one file or in shards."""
MODULATORS = ("UNet2DModel",)
"""The classes of network that the families in graph/modulators load; a test holds them together."""
ADAPTERS = "adapters.safetensors"
ALIKE: Mapping[str, Mapping[str, str]] = {
    "ControlNetModel": {
        "in_channels": "in_channels",
        "block_out_channels": "block_out_channels",
        "layers_per_block": "layers_per_block",
        "cross_attention_dim": "cross_attention_dim",
        "addition_embed_type": "addition_embed_type",
    },
    "FluxControlNetModel": {
        "in_channels": "in_channels",
        "num_attention_heads": "num_attention_heads",
        "attention_head_dim": "attention_head_dim",
        "joint_attention_dim": "joint_attention_dim",
        "pooled_projection_dim": "pooled_projection_dim",
    },
    "SD3ControlNetModel": {
        "in_channels": "in_channels",
        "num_attention_heads": "num_attention_heads",
        "attention_head_dim": "attention_head_dim",
        "joint_attention_dim": "joint_attention_dim",
        "pooled_projection_dim": "pooled_projection_dim",
    },
    "T2IAdapter": {"channels": "block_out_channels"},
}
"""The networks that the families in graph/adapters load; of each, its settings that are those of
the network it was made for, by their names there. A test holds them together."""
UNSHOWN: Mapping[str, str] = {
    "extra_conditioning_channels": "a ControlNet that is shown a mask beside its picture",
    "num_mode": "a union of ControlNets, which has to be told what its picture is",
}
"""Settings of what asks for more than a picture."""
CLASSIFIER = "ForImageClassification"
SEGMENTER = "ForSemanticSegmentation"
DEPTH_ESTIMATOR = "ForDepthEstimation"
KEYS = re.compile(r"ip_adapter\.\d+\.to_k_ip\.weight")
IMAGE_ENCODER = "image_encoder"
"""Where an IP-Adapter's folder has the CLIP that reads its pictures."""
IP_ADAPTERS: Mapping[str, tuple[str, str, str]] = {
    "IPAdapter": ("proj.weight", "proj.weight", "projection_dim"),
    "IPAdapterFull": ("proj.3.weight", "proj.0.weight", "hidden_size"),
    "IPAdapterPlus": ("latents", "proj_in.weight", "hidden_size"),
}
"""The kinds of IP-Adapters: of each a name below image_proj that it alone has, that of the matrix
whose columns are the width it reads, and the setting of its image encoder that is that."""
CLIP_WIDTHS = {"projection_dim": 512, "hidden_size": 768}
"""What transformers leaves out of a config.json."""
FACES = ("image_proj.norm.", "image_proj.perceiver_resampler.")
GUIDES = (CLASSIFIER, SEGMENTER, DEPTH_ESTIMATOR)
"""How the classes of transformers end that can guide."""
MOST_COLOURS = 256
Label = Annotated[str, Field(max_length=500)]
Target = Literal["class", "mask", "depth"]
Edge = Annotated[float, Field(ge=-40.0, le=40.0)]
TARGETS: tuple[Target, ...] = get_args(Target)


class ModulatorCard(BaseModel):
    """What a modulator's folder says of itself in card.json.

    `base` and `base_hash` are the expert that it was trained on, by name and content; `space`,
    `space_id` and `shape` the latent space of that expert, a place of which is `scale` pixels wide.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Literal["modulator"]
    maps: tuple[MapKind, ...] = Field(min_length=1, max_length=len(MAPS))
    base: str = Field(max_length=200)
    base_hash: str = Field(pattern=r"^[0-9a-f]{16}$")
    space: str = Field(max_length=200)
    space_id: str = Field(max_length=200)
    shape: tuple[int, int, int]
    scale: int = Field(ge=1, le=256)
    palette: tuple[MaskClass, ...] = Field(default=(), max_length=256)
    level_range: tuple[float, float] = (0.0, 1.0)


class NoiseRanges(BaseModel):
    """What a guidance expert was taught: noise, in ranges of log-SNR that `edges` part.

    `sees` says what its network was shown: the noisy state, or the expert's clean estimate of it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
    edges: tuple[Edge, ...] = Field(max_length=15)
    rank: int = Field(ge=1, le=64)
    sees: Literal["state", "estimate"]
    base: str = Field(max_length=200)
    base_hash: str = Field(max_length=64)
    space_id: str = Field(max_length=64)

    @field_validator("edges")
    @classmethod
    def _rising(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(edges)):
            raise ValueError("the edges have to rise")
        return edges


class GuidanceCard(BaseModel):
    """What is known of an off-the-shelf model of transformers that can guide.

    `labels` are the classes of its config.json, in the order of its answers; `asks` says whether
    it is asked for one of them, for a mask of them, whose colours are the `palette`, or, without
    any, for a depth map.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Literal["guidance"] = "guidance"
    labels: tuple[Label, ...] = Field(default=(), min_length=2, max_length=2**15)
    asks: Target = "class"
    palette: tuple[MaskClass, ...] = ()
    ranges: NoiseRanges | None = None


class AdapterCard(BaseModel):
    """What an adapter's own config.json says of the networks that it was made for.

    `network` holds settings that the config.json of a UNet or transformer must have alike; `pools`
    whether it tells means over the whole picture, as it was taught for the condition alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Literal["adapter"] = "adapter"
    network: tuple[tuple[str, Any], ...]
    pools: bool = False


Card = ModulatorCard | GuidanceCard | AdapterCard


@dataclass(frozen=True)
class Companion:
    """A companion's folder: its card, and the class of its network."""

    name: str
    folder: Path
    card: Card
    network: str
    file: Path | None = None
    """The one file that its weights lie in, where they do not lie in the folder."""


def companion_names(models: Path) -> tuple[str, ...]:
    """Every folder below the model folder that holds a companion, in alphabetical order."""
    found: list[str] = []
    for path, folders, files in os.walk(models):
        folders[:] = listed(folders)
        if "model_index.json" in files:
            folders.clear()
        elif IMAGE_ENCODER in folders:
            folders.clear()
            found.append(Path(path).relative_to(models).as_posix())
        elif "config.json" in files and any(_marks(file) for file in files):
            found.append(Path(path).relative_to(models).as_posix())
    return tuple(sorted(found))


def _marks(file: str) -> bool:
    """Whether a file beside a config.json tells that a companion lies there."""
    stored = file.startswith(ADAPTER_WEIGHTS) and file.endswith(".safetensors")
    return stored or file in ("card.json", MODEL_WEIGHTS)


def open_companion(name: str, folder: Path) -> Companion:
    """Read a companion's folder.

    ChoraleError M003 to M006, M013, M014, M020, M035, M038, M053 or M054.
    """
    config = folder / "config.json"
    if (folder / IMAGE_ENCODER).is_dir():
        return _open_ip_adapter(name, folder)
    network = network_of(read_json(name, config)) if config.is_file() else ""
    if network.endswith(GUIDES):
        return _open_model(name, folder, network)
    if network in ALIKE:
        return _open_adapter(name, folder, network)
    if not (folder / "card.json").is_file() or not network:
        raise _refused(
            "M014",
            f"'{name}' is no modulator: it has no card.json beside a config.json.",
            "Choose a folder that the training of modulators wrote.",
        )
    card = _card(name, folder)
    if network not in MODULATORS:
        raise _refused(
            "M006",
            f"'{name}' is a {network}, which is no modulator that Chorale can load. "
            f"It loads: {', '.join(MODULATORS)}.",
            "Choose a modulator of one of these families.",
        )
    check_weights(name, folder)
    size = _size(folder)
    if size > MAX_WEIGHTS:
        raise _refused(
            "M014",
            f"'{name}' is no modulator: its weights have {size / 2**20:.0f} MiB, "
            f"expected at most {MAX_WEIGHTS // 2**20}.",
            "Choose a folder that the training of modulators wrote.",
        )
    return Companion(name, folder, card, network)


def modulator_card(companion: Companion) -> ModulatorCard:
    """The card of a modulator; ChoraleError M014 for another companion."""
    if isinstance(companion.card, ModulatorCard):
        return companion.card
    raise _refused(
        "M014",
        f"'{companion.name}' is no modulator: it is a {companion.network}.",
        "Choose a folder that the training of modulators wrote, or wire the node that it is for.",
    )


def guidance_card(companion: Companion) -> GuidanceCard:
    """The card of a model that guides; ChoraleError M020 for another companion."""
    if isinstance(companion.card, GuidanceCard):
        return companion.card
    raise _refused(
        "M020",
        f"'{companion.name}' cannot guide: it is a {companion.network}.",
        "Choose an image classifier, a segmentation model or a depth estimator as transformers "
        "writes it.",
    )


def adapter_card(companion: Companion) -> AdapterCard:
    """The card of an adapter; ChoraleError M038 for another companion."""
    if isinstance(companion.card, AdapterCard):
        return companion.card
    raise ChoraleError(no_adapter(companion.name, f"a {companion.network}"))


def no_adapter(name: str, found: str) -> Diagnostic:
    """M038 for a folder that holds something else."""
    return Diagnostic(
        "M038",
        f"'{name}' is no adapter that Chorale can load: it is {found}. "
        f"It loads: {', '.join((*ALIKE, *IP_ADAPTERS))}.",
        "Choose a folder of one of these, as diffusers writes it.",
    )


def _open_adapter(name: str, folder: Path, network: str) -> Companion:
    """A folder as diffusers writes it; ChoraleError M003 to M005, M013, M038 or M053."""
    check_weights(name, folder)
    config = read_json(name, folder / "config.json")
    for setting, found in UNSHOWN.items():
        if config.get(setting):
            raise ChoraleError(no_adapter(name, found))
    channels: Any = config.get("channels")
    if config.get("adapter_type") == "full_adapter_xl" and isinstance(channels, list):
        config |= {"channels": channels[:-1]}  # its last is for the UNet's middle
    told = tuple((wanted, config.get(own)) for own, wanted in ALIKE[network].items())
    if config.get("joint_attention_dim", ...) is None:  # it reads no words, of whatever width
        told = tuple(each for each in told if each[0] != "joint_attention_dim")
    card = AdapterCard(network=told, pools=bool(config.get("global_pool_conditions")))
    return Companion(name, folder, card, network)


def _open_ip_adapter(name: str, folder: Path) -> Companion:
    """One file beside an image encoder; ChoraleError M003 to M005, M013, M038 or M054."""
    check_weights(name, folder)
    check_weights(name, folder / IMAGE_ENCODER)
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    if len(files) > 1:
        raise _refused(
            "M038",
            f"'{name}' holds {len(files)} adapters beside one image encoder: {', '.join(files)}.",
            "Put each into a folder of its own, with the image encoder.",
        )
    return read_ip_adapter(name, folder, folder / files[0])


def read_ip_adapter(name: str, folder: Path, file: Path) -> Companion:
    """An IP-Adapter by its header and its image encoder's config.json, whose weights are not asked.

    ChoraleError M005, M013, M038 or M054.
    """
    shapes = header(name, file).shapes
    kind, width = _kind_of(name, shapes)
    _check_eyes(name, folder, kind, shapes)
    return Companion(name, folder, AdapterCard(network=(("cross_attention_dim", width),)), kind)


def _kind_of(name: str, shapes: Mapping[str, Sequence[int]]) -> tuple[str, int]:
    """Of an IP-Adapter, the kind, and the width of the words of its UNet; M038 for a FaceID."""
    keys = [key for key in shapes if KEYS.fullmatch(key) and len(shapes[key]) == 2]
    for kind, (mark, read, _) in IP_ADAPTERS.items():
        known = f"image_proj.{mark}" in shapes and len(shapes.get(f"image_proj.{read}", ())) == 2
        if keys and known:
            return kind, shapes[keys[0]][1]
    face = keys and any(key.startswith(FACES) for key in shapes)
    found = "a FaceID, which is told a face by a network that Chorale has not"
    raise ChoraleError(no_adapter(name, found if face else "no IP-Adapter by what its file holds"))


def _check_eyes(name: str, folder: Path, kind: str, shapes: Mapping[str, Sequence[int]]) -> None:
    """M054 for an image encoder that answers other widths than the adapter reads."""
    config = read_json(name, folder / IMAGE_ENCODER / "config.json")
    _, read, setting = IP_ADAPTERS[kind]
    wanted, got = shapes[f"image_proj.{read}"][1], config.get(setting, CLIP_WIDTHS[setting])
    if wanted != got:
        raise _refused(
            "M054",
            f"'{name}' has another image encoder beside it than it was made with: its {setting} "
            f"is {got}, expected {wanted}.",
            "Copy the image_encoder there that its authors name for it.",
        )


def _open_model(name: str, folder: Path, network: str) -> Companion:
    """A folder as transformers writes it; ChoraleError M003 to M005, M013, M020 or M053."""
    check_weights(name, folder)
    if not (folder / MODEL_WEIGHTS).is_file() or _size(folder) > MAX_MODEL:
        raise _refused(
            "M020",
            f"'{name}' cannot guide: its weights are not one {MODEL_WEIGHTS} of at most "
            f"{MAX_MODEL // 2**30} GiB.",
            "Save a smaller model with save_pretrained of transformers.",
        )
    config = read_json(name, folder / "config.json")
    ranges = _ranges(name, folder)
    if network.endswith(DEPTH_ESTIMATOR):
        return Companion(name, folder, GuidanceCard(asks="depth", ranges=ranges), network)
    named = config.get("id2label")
    try:
        if not isinstance(named, dict):
            raise ValueError("there is none")
        rows: dict[Any, Any] = named  # pyright: ignore[reportUnknownVariableType]
        labels = [rows[str(number)] for number in range(len(rows))]
        card = GuidanceCard.model_validate({"labels": labels, "ranges": ranges})
        if network.endswith(SEGMENTER):
            found = {"asks": "mask", "palette": _palette(name, folder, card.labels)}
            card = card.model_copy(update=found)
    except (KeyError, ValueError) as error:
        why = "a number is missing" if isinstance(error, KeyError) else _why(error)
        raise _refused(
            "M005",
            f"The config.json of '{name}' is wrong at 'id2label': {why}.",
            "Save the model with its classes: numbers from 0 on, and a name for each.",
        ) from None
    return Companion(name, folder, card, network)


def _ranges(name: str, folder: Path) -> NoiseRanges | None:
    """What a guidance expert was taught; None for a model that knows clean pictures alone.

    ChoraleError M030 for a card that does not say it right, M003 for adapters that are missing.
    """
    card = read_json(name, folder / "card.json") if (folder / "card.json").is_file() else {}
    if "ranges" not in card:
        return None
    try:
        ranges = NoiseRanges.model_validate(card["ranges"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("ranges", *first["loc"])))
        why = f"is wrong at '{where}': {first['msg']}"
    else:
        if (folder / ADAPTERS).is_file():
            return ranges
        why = f"speaks of ranges, and there is no {ADAPTERS}"
    raise _refused(
        "M030",
        f"The card.json of '{name}' {why}.",
        "Copy the whole folder again, or train the guidance expert anew.",
    )


def _palette(name: str, folder: Path, labels: Sequence[str]) -> tuple[MaskClass, ...]:
    """The colours of a segmentation model's classes: those of its card.json, or made ones.

    ChoraleError M005 for a card whose palette does not name the classes in their order.
    """
    if len(labels) > MOST_COLOURS:
        raise ValueError(f"a mask has {MOST_COLOURS} classes at most, got {len(labels)}")
    card = read_json(name, folder / "card.json") if (folder / "card.json").is_file() else {}
    if not card or ("ranges" in card and "palette" not in card):
        return tuple(
            MaskClass(name=label, colour=_colour(number)) for number, label in enumerate(labels)
        )
    told: Any = card.get("palette")
    try:
        palette = tuple(MaskClass.model_validate(each) for each in told)
    except (TypeError, ValidationError):
        palette = ()
    if [each.name for each in palette] == list(labels):
        return palette
    raise _refused(
        "M005",
        f"The card.json of '{name}' is wrong at 'palette': expected a name and a colour for each "
        f"of its {len(labels)} classes, in the order of config.json.",
        "Write it as docs/guidance.md says, or remove it.",
    )


def _colour(number: int) -> tuple[int, int, int]:
    """A colour that is no other number's: hues by the golden ratio, lighter or darker by turns."""
    hue, light = (number * 0.618034) % 1.0, (0.95, 0.7, 0.45)[number % 3]
    red, green, blue = (round(255 * each) for each in colorsys.hsv_to_rgb(hue, 0.75, light))
    return red, green, blue


def _why(error: ValueError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)


def network_of(config: dict[str, Any]) -> str:
    """The class of network that a configuration of diffusers or transformers names."""
    architectures: Any = config.get("architectures")
    if isinstance(architectures, list) and architectures:
        return str(architectures[0])  # pyright: ignore[reportUnknownArgumentType]
    return str(config.get("_class_name", "unknown"))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _card(name: str, folder: Path) -> ModulatorCard:
    content = read_json(name, folder / "card.json")
    if content.get("kind") == "modulator" and "scale" not in content:
        raise _refused(
            "M035",
            f"'{name}' was trained by an older Chorale: its card has no scale. "
            "Modulators no longer read maps through an autoencoder.",
            "Train it again from its pairs: python -m training modulator --help.",
        )
    try:
        card = ModulatorCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where, why = ".".join(map(str, first["loc"])), first["msg"]
    else:
        if len(set(card.maps)) == len(card.maps):
            return card
        where, why = "maps", "a map is named twice"
    raise _refused(
        "M005",
        f"The card.json of '{name}' is wrong at '{where}': {why}.",
        "Write it as docs/modulators.md says.",
    )


def _refused(code: str, message: str, hint: str) -> ChoraleError:
    return ChoraleError(Diagnostic(code, message, hint))
