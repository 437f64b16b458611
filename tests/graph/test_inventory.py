"""What lies in the model folder, told without loading it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.companions import MODEL_WEIGHTS
from graph.errors import Diagnostic
from graph.folders import network_hash
from graph.inventory import Entry, inventory
from graph.library import Library
from studio.piece import SHIPPED
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders


def found(models: Path) -> list[Entry | Diagnostic]:
    return list(inventory(Library(models, models / "assets")))


def test_every_shipped_model_is_told_with_its_licence() -> None:
    entries = {each.name: each for each in found(SHIPPED) if isinstance(each, Entry)}
    assert {"playground/text", "playground/depth", "playground/modulator-maps"} <= set(entries)
    for name, entry in entries.items():
        weights = (SHIPPED / name).rglob("*.safetensors")
        assert entry.size == sum(path.stat().st_size for path in weights) > 2**20
        assert (entry.licence, entry.precision) == ("apache-2.0", "float16")
    assert entries["playground/text"].asked == "text"
    assert entries["playground/modulator-maps"].asked == "mask, sketch"
    assert entries["playground/modulator-maps"].space == entries["playground/text"].space
    assert entries["playground/classifier-in-noise"].hash != entries["playground/classifier"].hash
    hashes = [each.hash for each in entries.values()]
    assert len(set(hashes)) == len(hashes)


def test_an_expert_is_told_by_its_files(tmp_path: Path) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd", seed=3)
    (folder / "README.md").write_text("---\nlicense: openrail++\ntags: [a]\n---\nlicense: none\n")
    (entry,) = found(tmp_path)
    assert entry == Entry(
        name="sd",
        role="expert",
        family="StableDiffusionPipeline",
        asked="text",
        space="latent (4×4×4)",
        precision="float32",
        size=sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        licence="openrail++",
        hash=network_hash(folder),
    )


@pytest.mark.parametrize("text", ["license: mit\n", "---\ntags: [a]\n---\nlicense: mit\n", ""])
def test_a_licence_is_what_the_front_matter_says(tmp_path: Path, text: str) -> None:
    folder = folders.stable_diffusion(tmp_path / "sd")
    (folder / "README.md").write_text(text)
    assert found(tmp_path)[0].licence == ""


def test_the_precision_is_that_of_most_numbers(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "c")
    file = folder / MODEL_WEIGHTS
    parts = load_file(file)
    first, *others = sorted(parts, key=lambda name: parts[name].numel())
    mixed = {name: parts[name].to(torch.bfloat16) for name in others}
    save_file({**mixed, first: parts[first]}, file, {"format": "pt"})
    (entry,) = found(tmp_path)
    assert (entry.role, entry.asked, entry.precision) == ("guidance", "class", "bfloat16")


def test_what_is_wrong_is_told_beside_the_rest(tmp_path: Path) -> None:
    folders.stable_diffusion(tmp_path / "good")
    cut = folders.stable_diffusion(tmp_path / "cut") / "unet/diffusion_pytorch_model.safetensors"
    cut.write_bytes(cut.read_bytes()[:100])
    (tmp_path / "none/vae").mkdir(parents=True)
    (tmp_path / "none/model_index.json").write_text("{")
    told = found(tmp_path)
    codes = [each.name if isinstance(each, Entry) else each.code for each in told]
    assert codes == ["M013", "good", "M005"]
