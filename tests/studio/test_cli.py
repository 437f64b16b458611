"""The command line: what it prints, what it writes, how it exits."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graph.assets import AssetStore
from graph.errors import ChoraleError
from graph.writing import write_atomically
from studio.cli import main
from studio.piece import WORKFLOWS, load
from tests.graph.experts import folders
from tests.graph.export.exported import unwritten
from tests.graph.recordings import ramp
from tests.studio.documents import TWO


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A workflow that needs no trained model."""
    path = tmp_path / "two.json"
    path.write_text(json.dumps(TWO))
    return path


def pixels(path: Path) -> np.ndarray:
    """The picture's values."""
    return np.asarray(Image.open(path))


def test_a_picture_is_accepted_as_workflow_and_reproduced_bit_by_bit(
    workflow: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["run", str(workflow), "--out", str(out), "--count", "2"]) == 0
    first, second = sorted(out.iterdir())
    assert not (pixels(first) == pixels(second)).all()
    assert main(["run", str(first), "--out", str(tmp_path / "again")]) == 0
    again = sorted((tmp_path / "again").iterdir())
    assert (pixels(again[0]) == pixels(first)).all()
    assert (pixels(again[1]) == pixels(second)).all()


def test_nothing_already_made_is_overwritten(workflow: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for seed in ("1", "2"):
        assert main(["run", str(workflow), "--out", str(out), "--seed", seed]) == 0
    assert [path.name for path in sorted(out.iterdir())] == [
        "two-gaussians-0001.png",
        "two-gaussians-0002.png",
    ]


def test_json_lines_tell_what_a_corrector_reads(
    workflow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ('sampler.corrector={"name":"fkc"}', 'sampler.method={"name":"euler_maruyama"}')
    sets = [part for each in chosen for part in ("--set", each)]
    out = ["--out", str(tmp_path / "out"), "--count", "16", "--json"]
    assert main(["run", str(workflow), *out, *sets]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(line["readings"]) for line in lines[:4]] == [["effective"]] * 4
    assert 1.0 <= lines[0]["readings"]["effective"] <= 16.0


def test_json_lines_tell_every_step_and_the_files(
    workflow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(
        [
            "run",
            str(workflow),
            "--out",
            str(tmp_path / "out"),
            "--json",
            "--set",
            "b.reliability=0.5",
        ]
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["progress"] * 4 + ["result"]
    assert [line["step"] for line in lines[:4]] == [1, 2, 3, 4]
    assert lines[0]["weights"] == {"a": 1.0, "b": 0.5}
    assert Path(lines[4]["files"][0]).is_file()
    assert [0, "b.reliability", 0.5] in lines[4]["performance"]


def test_a_performance_is_replayed_over_another_seed(workflow: Path, tmp_path: Path) -> None:
    moves = tmp_path / "moves.json"
    moves.write_text(json.dumps([[0, "a.reliability", 1.0], [2, "a.reliability", 0.0]]))
    for name, extra in (("plain", []), ("played", ["--replay", str(moves)])):
        assert main(["run", str(workflow), "--out", str(tmp_path / name), *extra]) == 0
    plain, played = (next((tmp_path / name).iterdir()) for name in ("plain", "played"))
    assert not (pixels(plain) == pixels(played)).all()
    inside = load(played).performance
    assert inside is not None
    assert (2, "a.reliability", 0.0) in inside.moves


FOLLOWING: dict[str, Any] = {
    **TWO,
    "nodes": [*TWO["nodes"], {"id": "sound", "type": "audio"}, {"id": "f", "type": "loudness"}],
    "wires": [
        *TWO["wires"],
        {"from": "sound.audio", "to": "f.audio"},
        {"from": "f.reliability", "to": "a.reliability"},
    ],
}


def test_a_sound_is_set_by_its_path_and_goes_with_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, sound, out = (tmp_path / name for name in ("f.json", "swell.wav", "out"))
    path.write_text(json.dumps(FOLLOWING))
    swell = ramp(1.0)
    sound.write_bytes(swell)
    assert main(["check", str(path)]) == 1
    asked = ["run", str(path), "--set", f"sound.file={sound}", "--json", "--out", str(out)]
    assert main(asked) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()[1:]]
    heard = [line["weights"]["a"] for line in told[:-1]]
    assert heard == sorted(heard) and heard[0] < 0.2 and heard[-1] == 1.0
    (picture,) = out.iterdir()
    sound.unlink()
    workflow = load(picture).workflow
    assert list(workflow.assets.values()) == [base64.b64encode(swell).decode()]
    assert main(["run", str(picture), "--out", str(out)]) == 0
    first, again = sorted(out.iterdir())
    assert (pixels(first) == pixels(again)).all()


def test_a_picture_is_set_by_its_path_in_place_of_the_one_before(tmp_path: Path) -> None:
    nodes = [*TWO["nodes"], {"id": "m", "type": "map"}]
    wires = [*TWO["wires"], {"from": "m.reliability", "to": "a.reliability"}]
    path, out = tmp_path / "mapped.json", tmp_path / "out"
    path.write_text(json.dumps({**TWO, "nodes": nodes, "wires": wires}))
    for shade in ("black", "white"):
        Image.new("L", (8, 8), shade).save(tmp_path / f"{shade}.png")
        map_of = f"m.picture={tmp_path / shade}.png"
        assert main(["run", str(path), "--set", map_of, "--out", str(out)]) == 0
        path = max(out.iterdir())
        assert len(load(path).workflow.assets) == 1
    black, white = (pixels(each) for each in sorted(out.iterdir()))
    assert (black != white).any()


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("gone.wav", "W009 'gone.wav' cannot be read: No such file or directory."),
        ("renamed.wav", "A011 The file is a picture and no sound."),
        ("words.wav", "A003 The file is no picture: it begins like no known picture."),
        ("cut.wav", "A012 The sound is damaged or cut short: it says that it holds"),
    ],
)
def test_a_bad_sound_ends_in_a_sentence(
    file: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.json").write_text(json.dumps(FOLLOWING))
    Image.new("L", (8, 8)).save(tmp_path / "renamed.wav", "PNG")
    (tmp_path / "words.wav").write_text("hello")
    (tmp_path / "cut.wav").write_bytes(ramp(1.0)[:2_000])
    asked = ["run", str(tmp_path / "f.json"), "--set", f"sound.file={tmp_path / file}"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 1
    assert f"error: {expected}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_check_prints_each_finding_and_exits_by_errors(
    workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(workflow)]) == 0
    assert "Nothing is wrong" in capsys.readouterr().out
    assert main(["check", str(workflow), "--set", "a.reliability=3"]) == 1
    assert "error: S00" in capsys.readouterr().out


def test_plan_is_printed(workflow: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(workflow)]) == 0
    assert "fuse(%0, %1, rule=mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "no-such-file.json"],
        ["run", "{workflow}", "--set", "a.reliability"],
        ["run", "{workflow}", "--set", "nobody.reliability=1"],
        ["run", "{workflow}", "--replay", "{workflow}"],
        ["plan", "{workflow}", "--set", "fuse.rule={}"],
    ],
)
def test_wrong_arguments_end_in_a_sentence_and_exit_one(
    arguments: list[str], workflow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [each.format(workflow=workflow) if "{workflow}" in each else each for each in arguments]
        )
        == 1
    )
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error


def test_the_catalogue_lists_every_node_and_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    fader = listed["text_expert"]["schema"]["properties"]["reliability"]
    assert (fader["live"], fader["widget"], fader["maximum"]) == ("number", "fader", 2.0)
    assert main(["nodes"]) == 0
    assert "text_expert" in capsys.readouterr().out


def test_the_models_that_are_there_are_listed_and_what_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("studio.cli.MODELS", tmp_path)
    folders.stable_diffusion(tmp_path / "mine/sd")
    assert main(["models"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["model", "role", "family", "asked"]
    assert line.startswith("mine/sd  expert  StableDiffusionPipeline  text   latent (4×4×4)")
    (tmp_path / "mine/bad").mkdir()
    (tmp_path / "mine/bad/model_index.json").write_text("{")
    assert main(["models", "--json"]) == 1
    told = capsys.readouterr()
    (entry,) = json.loads(told.out)
    assert (entry["name"], entry["precision"]) == ("mine/sd", "float32")
    assert "M005" in told.err and "mine/bad" in told.err


def test_three_lines_of_python_make_a_picture(workflow: Path) -> None:
    piece = load(workflow).with_setting("b.reliability", 0.25).with_sampling(seed=3)
    pictures = piece.run()
    assert [picture.size for picture in pictures] == [(16, 16)]


def test_a_write_that_dies_leaves_what_was_there(
    workflow: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["run", str(workflow), "--out", str(out)]) == 0
    (kept,) = out.iterdir()
    before = kept.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main(["run", str(workflow), "--out", str(out)]) == 1
    assert "W021" in capsys.readouterr().err
    with pytest.raises(OSError, match="No space"):
        write_atomically(kept, b"half")
    assert kept.read_bytes() == before
    assert [path.name for path in out.iterdir()] == [kept.name]


def test_a_file_that_is_no_picture_is_not_stored(tmp_path: Path) -> None:
    store = AssetStore(tmp_path / "assets")
    with pytest.raises(ChoraleError, match="A012"):
        store.put(b"RIFF....WAVEfmt ")
    assert not list(tmp_path.rglob("*"))


def test_an_export_is_written_with_its_pictures_and_its_faders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moves = tmp_path / "moves.json"
    moves.write_text(json.dumps([[3, "text_expert.reliability", 0.5]]))
    out = tmp_path / "my paper.py"
    source = str(WORKFLOWS / "text-mask.json")
    told = ["--set", "sampler.steps=6", "--replay", str(moves), "--out", str(out)]
    assert main(["export", source, *told]) == 0
    written = [out, tmp_path / "my-paper-mask-expert-shown.png"]
    assert capsys.readouterr().out.split("\n") == [*map(str, written), ""]
    text = out.read_text()
    assert "(2.7,),\n    (2.7,),\n    (2.7,),\n    (1.35,),\n    (1.35,),\n    (1.35,),\n" in text
    assert 'HERE / "my-paper-mask-expert-shown.png"' in text
    assert pixels(written[1]).shape == (128, 128, 3)


def test_what_cannot_be_exported_is_said_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "guided.py"
    source = tmp_path / "plane.json"
    source.write_text(json.dumps(unwritten()))
    assert main(["export", str(source), "--out", str(out)]) == 1
    assert "W024 This workflow cannot be exported yet" in capsys.readouterr().err
    assert not out.exists()
