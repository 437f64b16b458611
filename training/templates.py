"""Writes the example workflows, with masks and sketches from the procedural world.

Run as `python -m training.templates`; the files are the same on every machine.
"""

import base64
import hashlib
import io
import json
from itertools import count
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from training.chord import chord
from training.world import Scene, draw, mask_to_rgb, scene_of

FOLDER = Path(__file__).parent.parent / "assets" / "workflows"
DRAW = "templates"
GUIDANCE = {"text": 2.7, "mask": 2.0, "sketch": 2.0}
"""What `python app.py judge --search` found best where several play."""
ALONE = 4.0
"""The same for a sentence by itself."""
LONG, NARROW = 1.58, 0.28
"""Deviations of a bar in the plane."""
Workflow = dict[str, Any]


def png(pixels: Tensor) -> bytes:
    """A PNG of [3,h,w] or [1,h,w] in [0,1]."""
    rows = (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(rows.squeeze(-1) if rows.shape[-1] == 1 else rows).save(file, "PNG")
    return file.getvalue()


def find(ground: str, time: str, kind: str) -> int:
    """The first picture of the draw with this ground, this time and one object of this kind."""

    def fits(scene: Scene) -> bool:
        objects = [each.kind for each in scene.objects]
        return (scene.ground, scene.time, objects) == (ground, time, [kind])

    return next(index for index in count() if fits(scene_of(DRAW, index)))


def pictures(index: int) -> dict[str, bytes]:
    """Mask, sketch (black ink on white), depth (white is near) and photograph of one scene."""
    made = draw(DRAW, index, 1)
    return {
        "mask": png(mask_to_rgb(made.mask)[0]),
        "sketch": png(1.0 - made.sketch[0]),
        "depth": png(made.depth[0]),
        "photo": png(made.picture[0]),
    }


def node(name: str, kind: str, title: str | None = None, /, **settings: Any) -> Workflow:
    """A node of the document."""
    named = {"title": title} if title else {}
    return {"id": name, "type": kind, **named, "settings": settings}


def workflow(
    title: str,
    description: str,
    nodes: list[Workflow],
    wires: list[tuple[str, str]],
    files: tuple[bytes, ...] = (),
) -> Workflow:
    """A document with the files that it names."""
    return {
        "chorale": 1,
        "title": title,
        "description": description,
        "nodes": nodes,
        "wires": [{"from": origin, "to": target} for origin, target in wires],
        "assets": {sha256(file): base64.b64encode(file).decode() for file in files},
    }


def sha256(file: bytes) -> str:
    """The name of a stored file."""
    return hashlib.sha256(file).hexdigest()


END = [("fuse.score", "picture.score"), ("sampler.sampling", "picture.sampling")]


def ends(seed: int = 7, **sampling: Any) -> list[Workflow]:
    """Fusion, sampler and picture."""
    return [
        node("fuse", "fuse"),
        node("sampler", "sampler", seed=seed, steps=24, **sampling),
        node("picture", "picture"),
    ]


def voices(*names: str) -> list[tuple[str, str]]:
    """Wires from conditions to their experts, and on to the fusion."""
    return [
        wire
        for name in names
        for wire in (
            (f"{name}.{name}", f"{name}_expert.{name}"),
            (f"{name}_expert.score", "fuse.scores"),
        )
    ]


def documents() -> dict[str, Workflow]:
    """Every example by the name of its file."""
    sea = pictures(find("sea", "sunset", "sailboat"))
    hill = pictures(find("meadow", "day", "lighthouse"))
    text = node("text", "text", "What", text="a red sailboat on the sea at sunset")
    mask = node("mask", "mask", "Where", picture=sha256(sea["mask"]))
    sketch = node("sketch", "sketch", "Lines", picture=sha256(sea["sketch"]))
    by_text, by_mask, by_sketch = (
        node(f"{name}_expert", f"{name}_expert", model=f"playground/{name}", guidance=guidance)
        for name, guidance in GUIDANCE.items()
    )
    by_words = node("text_expert", "text_expert", model="playground/text", guidance=ALONE)
    return {
        "first-light": workflow(
            "First light",
            "A sentence, a mask and a sketch, each heard by an expert of its own, in one picture.",
            [text, mask, sketch, by_text, by_mask, by_sketch, *ends()],
            [*voices("text", "mask", "sketch"), *END],
            (sea["mask"], sea["sketch"]),
        ),
        "text": workflow(
            "One sentence",
            "A single expert: fusion is then classifier-free guidance.",
            [text, by_words, node("picture", "picture")],
            [("text.text", "text_expert.text"), ("text_expert.score", "picture.score")],
        ),
        "text-mask": workflow(
            "Words and places",
            "The mask says where, the sentence says what.",
            [text, mask, by_text, by_mask, *ends()],
            [*voices("text", "mask"), *END],
            (sea["mask"],),
        ),
        "bridge": workflow(
            "Two latent spaces",
            "The mask expert works in a latent space of its own. A bridge brings home what the "
            "mask changes there, on what the sentence has made of the picture.",
            [
                text,
                mask,
                by_text,
                node(
                    "mask_expert",
                    "mask_expert",
                    "Foreign mask expert",
                    model="playground/mask-fine",
                    guidance=GUIDANCE["mask"],
                ),
                node("bridge", "bridge"),
                *ends(),
            ],
            [
                *voices("text"),
                ("mask.mask", "mask_expert.mask"),
                ("text_expert.score", "bridge.anchor"),
                ("mask_expert.score", "bridge.score"),
                ("bridge.score", "fuse.scores"),
                *END,
            ],
            (sea["mask"],),
        ),
        "class-background": workflow(
            "An object in a scene",
            "One expert knows the scene by its class, one the object by its words: the scene "
            "experiment of Unite and Conquer.",
            [
                node("scene", "label", "Scene", name="meadow by day"),
                node("class_expert", "class_expert", model="playground/class", guidance=2.0),
                node("text", "text", "Object", text="a red balloon on the right"),
                node("text_expert", "text_expert", model="playground/text", guidance=3.0),
                *ends(),
            ],
            [
                ("scene.class", "class_expert.class"),
                ("text.text", "text_expert.text"),
                ("class_expert.score", "fuse.scores"),
                ("text_expert.score", "fuse.scores"),
                *END,
            ],
        ),
        "curve": workflow(
            "First the place, then the thing",
            "The mask rules while the noise is high, the sentence when it is low.",
            [
                text,
                mask,
                by_text,
                by_mask,
                node("early", "curve", "Early", points=[[1.0, 1.5], [0.6, 1.2], [0.3, 0.2]]),
                node("late", "curve", "Late", points=[[1.0, 0.3], [0.6, 0.8], [0.2, 1.5]]),
                *ends(),
            ],
            [
                *voices("text", "mask"),
                ("early.reliability", "mask_expert.reliability"),
                ("late.reliability", "text_expert.reliability"),
                *END,
            ],
            (sea["mask"],),
        ),
        "map": workflow(
            "Half a canvas each",
            "Two sentences share the canvas: each counts where its map is white.",
            [
                node("left", "text", "Left", text="a lighthouse in a meadow by day"),
                node("right", "text", "Right", text="a red sailboat on the sea at night"),
                node("left_expert", "text_expert", "Left expert", guidance=ALONE),
                node("right_expert", "text_expert", "Right expert", guidance=ALONE),
                node("left_map", "map", "Left half", picture=sha256(ramp(falling=True))),
                node("right_map", "map", "Right half", picture=sha256(ramp(falling=False))),
                *ends(),
            ],
            [
                ("left.text", "left_expert.text"),
                ("right.text", "right_expert.text"),
                ("left_map.reliability", "left_expert.reliability"),
                ("right_map.reliability", "right_expert.reliability"),
                ("left_expert.score", "fuse.scores"),
                ("right_expert.score", "fuse.scores"),
                *END,
            ],
            (ramp(falling=True), ramp(falling=False)),
        ),
        "sound": workflow(
            "A chord that draws",
            "The sketch counts as much as a swelling chord is loud; the mask holds the ground.",
            [
                mask,
                sketch,
                by_mask,
                by_sketch,
                node("sound", "audio", "Chord", file=sha256(chord())),
                node("loudness", "loudness", "As loud", window=150, low=0.1, high=1.5),
                *ends(),
            ],
            [
                *voices("mask", "sketch"),
                ("sound.audio", "loudness.audio"),
                ("loudness.reliability", "sketch_expert.reliability"),
                *END,
            ],
            (sea["mask"], sea["sketch"], chord()),
        ),
        "sweep": workflow(
            "How much sketch?",
            "Seven pictures from one seed, with the sketch expert from silent to loud.",
            [
                text,
                sketch,
                by_text,
                by_sketch,
                node("amount", "sweep", "Amount", start=0.0, stop=1.5, count=7),
                *ends(),
            ],
            [
                *voices("text", "sketch"),
                ("amount.reliability", "sketch_expert.reliability"),
                *END,
            ],
            (sea["sketch"],),
        ),
        "modulator": workflow(
            "An expert that learned to see",
            "A modulator learned from two hundred pairs to bend an expert by mask and sketch; "
            "another expert says what it is.",
            [
                mask,
                sketch,
                node("anything", "unconditional_expert", model="playground/unconditional"),
                node("modulator", "modulator", reliability=2.0),
                text,
                by_text,
                *ends(),
            ],
            [
                ("anything.score", "modulator.score"),
                ("mask.mask", "modulator.mask"),
                ("sketch.sketch", "modulator.sketch"),
                ("modulator.score", "fuse.scores"),
                ("text.text", "text_expert.text"),
                ("text_expert.score", "fuse.scores"),
                *END,
            ],
            (sea["mask"], sea["sketch"]),
        ),
        "together": workflow(
            "All of them at once",
            "A sentence, a mask and a sketch speak through two experts and a modulator, and a "
            "guidance expert, which looks through the noise, leads them into the night.",
            [
                node("text", "text", "What", text="a red sailboat on the sea"),
                mask,
                sketch,
                by_text,
                by_mask,
                node("anything", "unconditional_expert", model="playground/unconditional"),
                node("modulator", "modulator"),
                node("scene", "label", "When", name="sea at night"),
                node(
                    "guidance",
                    "guidance",
                    model="playground/classifier-in-noise",
                    method={"name": "state"},
                    scale=8.0,
                ),
                *ends(),
            ],
            [
                ("text.text", "text_expert.text"),
                ("mask.mask", "mask_expert.mask"),
                ("anything.score", "modulator.score"),
                ("sketch.sketch", "modulator.sketch"),
                ("text_expert.score", "guidance.score"),
                ("scene.class", "guidance.class"),
                ("guidance.score", "fuse.scores"),
                ("mask_expert.score", "fuse.scores"),
                ("modulator.score", "fuse.scores"),
                *END,
            ],
            (sea["mask"], sea["sketch"]),
        ),
        "guidance": workflow(
            "Led by an onlooker",
            "The sentence does not say where: a classifier of scenes looks on, and its gradient "
            "leads the picture there.",
            [
                node("text", "text", "What", text="a red balloon"),
                by_words,
                node("scene", "label", "Where", name="snowfield at night"),
                node("guidance", "guidance", model="playground/classifier", scale=4.0),
                *ends(seed=4),
            ],
            [
                ("text.text", "text_expert.text"),
                ("text_expert.score", "guidance.score"),
                ("scene.class", "guidance.class"),
                ("guidance.score", "fuse.scores"),
                *END,
            ],
        ),
        "class-unasked": workflow(
            "Told nothing, watched all the way",
            "The expert is asked for nothing. A guidance expert, a classifier that has learned to "
            "look through noise, leads it to a scene.",
            [
                node("anything", "unconditional_expert", model="playground/unconditional"),
                node("scene", "label", "Where", name="sea at sunset"),
                node(
                    "guidance",
                    "guidance",
                    model="playground/classifier-in-noise",
                    method={"name": "state"},
                    scale=7.0,
                ),
                *ends(count=4),
            ],
            [
                ("anything.score", "guidance.score"),
                ("scene.class", "guidance.class"),
                ("guidance.score", "fuse.scores"),
                *END,
            ],
        ),
        "depth-text": workflow(
            "Words and depth",
            "The sentence says what, the grey map says how near: a depth model looks on and leads.",
            [
                node("text", "text", "What", text="a lighthouse in a meadow at sunset"),
                by_words,
                node("depth", "depth", "Near and far", picture=sha256(hill["depth"])),
                node("guidance", "guidance", model="playground/depth", scale=12.0),
                *ends(),
            ],
            [
                ("text.text", "text_expert.text"),
                ("text_expert.score", "guidance.score"),
                ("depth.depth", "guidance.depth"),
                ("guidance.score", "fuse.scores"),
                *END,
            ],
            (hill["depth"],),
        ),
        "segmentation-text": workflow(
            "Words and a watchful eye",
            "No expert knows masks: a segmentation model looks on, and leads the words to places.",
            [
                text,
                by_words,
                mask,
                node("guidance", "guidance", model="playground/segmenter", scale=4.0),
                *ends(),
            ],
            [
                ("text.text", "text_expert.text"),
                ("text_expert.score", "guidance.score"),
                ("mask.mask", "guidance.mask"),
                ("guidance.score", "fuse.scores"),
                *END,
            ],
            (sea["mask"],),
        ),
        "panorama": workflow(
            "From evening into night",
            "Four times as wide as any expert has seen: windows overlap, and two maps hand the "
            "picture over from one sentence to the other.",
            [
                node("dusk", "text", "Here", text="a lighthouse on the sea at sunset"),
                node("night", "text", "There", text="snowy mountains behind a meadow at night"),
                node("falling", "map", "From the left", picture=sha256(ramp(falling=True))),
                node("rising", "map", "From the right", picture=sha256(ramp(falling=False))),
                node("dusk_expert", "text_expert", model="playground/text", guidance=ALONE),
                node("night_expert", "text_expert", model="playground/text", guidance=ALONE),
                *ends(seed=3, wide=4),
            ],
            [
                ("dusk.text", "dusk_expert.text"),
                ("night.text", "night_expert.text"),
                ("falling.reliability", "dusk_expert.reliability"),
                ("rising.reliability", "night_expert.reliability"),
                ("dusk_expert.score", "fuse.scores"),
                ("night_expert.score", "fuse.scores"),
                *END,
            ],
            (ramp(falling=True), ramp(falling=False)),
        ),
        "plane": workflow(
            "One knows height, one knows side",
            "A thousand points of the plane: two experts, what they are measured against, and the "
            "density that their faders name. Change the rule, and move a fader while it plays.",
            [
                node("height", "plane_expert", "Height", heaps=bars(0.0, 1.5)),
                node("side", "plane_expert", "Side", heaps=bars(1.5, 0.0, (0.7, 0.3))),
                node("anywhere", "plane_expert", "Anywhere", heaps=[heap(0.0, 0.0, LONG, LONG)]),
                node("fuse", "fuse"),
                node("sampler", "sampler", steps=60, method={"name": "heun"}),
                node("picture", "picture"),
            ],
            [
                ("height.score", "fuse.scores"),
                ("side.score", "fuse.scores"),
                ("anywhere.score", "fuse.background"),
                *END,
            ],
        ),
        "photo-edges": workflow(
            "From a photograph",
            "The contours of a photograph become a sketch; the sentence gives it another time.",
            [
                node("photo", "photo", "Photograph", picture=sha256(hill["photo"])),
                node("edges", "edges", detail=0.5),
                by_sketch,
                node("text", "text", "What", text="a lighthouse in a meadow at night"),
                by_text,
                *ends(),
            ],
            [
                ("photo.photo", "edges.photo"),
                ("edges.sketch", "sketch_expert.sketch"),
                ("sketch_expert.score", "fuse.scores"),
                ("text.text", "text_expert.text"),
                ("text_expert.score", "fuse.scores"),
                *END,
            ],
            (hill["photo"],),
        ),
        "start": workflow(
            "Night falls",
            "The run starts from a photograph instead of noise: the less the sampler's strength, "
            "the more of it is kept.",
            [
                node("photo", "photo", "By day", picture=sha256(hill["photo"])),
                node("text", "text", "What", text="a lighthouse in a meadow at night"),
                by_words,
                *ends(strength=0.55),
            ],
            [("photo.photo", "sampler.start"), *voices("text"), *END],
            (hill["photo"],),
        ),
    }


def heap(x: float, y: float, wide: float, high: float, share: float = 1.0) -> Workflow:
    """A heap of the plane."""
    return {"x": x, "y": y, "wide": wide, "high": high, "share": share}


def bars(x: float, y: float, shares: tuple[float, float] = (0.5, 0.5)) -> list[Workflow]:
    """Two bars across the line from (x, y) through the middle to its other side."""
    wide, high = (NARROW, LONG) if x else (LONG, NARROW)
    return [
        heap(s * x + 0.0, s * y + 0.0, wide, high, share)
        for s, share in zip((1, -1), shares, strict=True)
    ]


def ramp(*, falling: bool) -> bytes:
    """A grey map of 64×64: white on one side, black on the other, with a soft seam."""
    soft = Image.linear_gradient("L").rotate(-90 if falling else 90).resize((64, 64))
    file = io.BytesIO()
    soft.point(lambda light: max(0, min(255, round((light - 96) * 4)))).save(file, "PNG")
    return file.getvalue()


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
