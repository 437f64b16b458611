"""What the README shows is what happens."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.cli import main
from studio.piece import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own that looks like the project's to relative paths."""
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_two_commands_stand_alone_on_their_lines() -> None:
    lines = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
    assert "pip install -r requirements.txt && python app.py" in lines
    assert "pip install -r requirements.txt -r tests/requirements.txt && python -m pytest" in lines


def test_the_commands_make_pictures_and_the_last_makes_the_first_again(elsewhere: Path) -> None:
    commands = re.findall(r"^python app.py (run .+)$", README, re.MULTILINE)
    assert [main(shlex.split(command)) for command in commands] == [0] * len(commands)
    first, changed, again = map(pixels, sorted((elsewhere / "outputs").iterdir()))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, changed)


def test_the_lines_of_python_save_a_picture(elsewhere: Path) -> None:
    (program,) = (block for language, block in BLOCKS if language == "python")
    assert len([line for line in program.splitlines() if line]) == 3
    exec(compile(program, "README.md", "exec"), {})
    assert pixels(elsewhere / "first-light.png").shape == (128, 128, 3)


def test_its_picture_was_made_by_the_workflow_beside_it() -> None:
    (name,) = re.findall(r'<img src="(.+?)"', README)
    picture, document = ROOT / name, (ROOT / name).with_suffix(".json")
    made, drawn = (load(path).workflow for path in (picture, document))
    assert (made.nodes, made.wires) == (drawn.nodes, drawn.wires)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))
