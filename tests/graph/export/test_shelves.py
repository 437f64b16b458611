"""Models of several folders in one exported file."""

import shutil
from pathlib import Path

from graph.export.script import export
from graph.library import Library
from tests.graph.experts import folders, onefiles
from tests.graph.export.exported import agree, planned

WIRES = (
    "words.text > one.text",
    "words.text > two.text",
    "one.score > fuse.scores",
    "two.score > fuse.scores",
    "fuse.score > picture.score",
    "sampler.sampling > picture.sampling",
)


def test_a_file_and_the_folder_that_lends_lie_on_two_shelves(tmp_path: Path) -> None:
    """Beside a folder on the second shelf whose name the first has as well."""
    near, far = tmp_path / "near", tmp_path / "far"
    base = folders.stable_diffusion(far / "base")
    onefiles.onefile(near / "one.safetensors", base)
    shutil.copytree(base, far / "whole")
    onefiles.bare(base)
    library = Library((near, far), tmp_path / "assets")
    nodes = {
        "words": ("text", {"text": "a boat"}),
        "one": ("text_expert", {"model": "one.safetensors"}),
        "two": ("text_expert", {"model": "whole"}),
        "fuse": ("fuse", {}),
        "sampler": ("sampler", {"steps": 3}),
        "picture": ("picture", {}),
    }
    plan = planned(library, nodes, WIRES)
    text = agree(library, tmp_path / "out", plan)
    assert f'MODELS = Folders("{near.as_posix()}", "{far.as_posix()}")' in text
    moved = export(plan, library, title="Test", models=lambda _: Path("models")).text
    assert 'MODELS = Path("models")' in moved
    assert "class Folders" not in moved


def test_a_file_that_needs_one_shelf_names_one(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    folders.stable_diffusion(far / "whole")
    near.mkdir()
    library = Library((near, far), tmp_path / "assets")
    nodes = {
        "words": ("text", {"text": "a boat"}),
        "two": ("text_expert", {"model": "whole"}),
        "sampler": ("sampler", {"steps": 2}),
        "picture": ("picture", {}),
    }
    wires = (WIRES[1], "two.score > picture.score", WIRES[-1])
    text = export(planned(library, nodes, wires), library, title="Test").text
    assert f'MODELS = Path("{far.as_posix()}")' in text
