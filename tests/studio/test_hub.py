"""Fetching from the hub, against one that a thread of the test serves."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub.utils import close_session
from tqdm import tqdm

from graph.errors import ChoraleError
from graph.inventory import Entry, inventory
from graph.library import Library
from studio import cli, hub, repository
from studio.hub import fetch
from studio.piece import ROOT
from tests.graph.adapters import making
from tests.graph.classifiers import write_classifier
from tests.graph.experts import folders, onefiles
from tests.graph.fakes import write_json
from tests.studio.hubs import TOKEN, Hub, serving

COMMIT, LATER = "a1" * 20, "b2" * 20
NAME, UNET = "someone/tiny-sd", "unet/diffusion_pytorch_model.safetensors"
CODE = 'raise SystemExit("code of the repository was run")\n'


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Diffusion as a repository has it: with much that nobody loads."""
    folder = folders.stable_diffusion(tmp_path_factory.mktemp("made") / "tiny-sd")
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\nTiny.\n")
    (folder / "tiny-sd.ckpt").write_bytes(b"pickled")
    (folder / "tiny-sd.safetensors").write_bytes(b"one file")
    (folder / "pipeline.py").write_text(CODE)
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"pickled")
    (folder / "unet/modeling.py").write_text(CODE)
    half = folder / "unet/diffusion_pytorch_model.fp16.safetensors"
    shutil.copyfile(folder / UNET, half)
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker/model.safetensors").write_bytes(b"not missed")
    index = json.loads((folder / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    index["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
    write_json(folder / "model_index.json", index)
    return folder


@pytest.fixture
def served(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with that repository; nobody is known to it."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    shutil.copytree(tiny, tmp_path / "hub" / NAME)
    close_session()
    with serving(Hub(tmp_path / "hub", {NAME: COMMIT})) as found:
        yield found
    close_session()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def fetched(served: Hub, models: Path, asked: str = NAME, **more: Any) -> list[str]:
    """What is said while a model is fetched."""
    said: list[str] = []
    fetch(models, asked, endpoint=served.address, say=said.append, **more)
    return said


def refusal(served: Hub, models: Path, asked: str = NAME, **more: Any) -> str:
    with pytest.raises(ChoraleError) as caught:
        fetched(served, models, asked, **more)
    assert Library(models, models).names() == ()
    return str(caught.value)


def test_what_is_loaded_is_fetched_and_nothing_else(served: Hub, models: Path, tiny: Path) -> None:
    first, last = fetched(served, models)
    folder = models / NAME
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    weights = {UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"}
    assert {each for each in there if each.endswith(".safetensors")} == weights
    assert not [each for each in there if each.endswith((".bin", ".ckpt", ".py", ".part"))]
    assert {"model_index.json", "README.md", "hub.json", "unet/config.json"} < there
    assert not [each for each in there if each.startswith(("safety", "feature"))]
    for each in there - {"hub.json"}:
        assert (folder / each).read_bytes() == (tiny / each).read_bytes()
    size = sum((folder / each).stat().st_size for each in there - {"hub.json"})
    assert first == (
        f"{NAME} at {COMMIT}, licence openrail++: {len(there) - 1} files, {hub.shown(size)}."
    )
    assert last == f"It is whole: choose '{NAME}'."
    assert json.loads((folder / "hub.json").read_text()) == {
        "repository": NAME,
        "revision": "main",
        "commit": COMMIT,
        "licence": "openrail++",
        "file": "",
        "only": False,
        "configs": False,
    }
    (entry,) = inventory(Library(models, models))
    assert isinstance(entry, Entry)
    assert (entry.name, entry.licence) == (NAME, "openrail++")
    assert [path.name for path in (models / ".fetching").iterdir()] == [f"{COMMIT}.lock"]


def test_what_it_takes_is_said_before_it_is_taken(served: Hub, models: Path) -> None:
    def stop(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(models, NAME, endpoint=served.address, say=stop)
    assert served.files() == ["model_index.json"]


def test_a_variant_is_fetched_where_it_is_asked_for(served: Hub, models: Path) -> None:
    fetched(served, models, variant="fp16")
    found = sorted(path.name for path in (models / NAME / "unet").iterdir())
    assert found == ["config.json", "diffusion_pytorch_model.fp16.safetensors"]
    assert (models / NAME / "vae/diffusion_pytorch_model.safetensors").is_file()


def test_what_is_there_already_needs_no_hub(served: Hub, models: Path) -> None:
    fetched(served, models, f"{NAME}@v1")
    served.asked.clear()
    for asked in (NAME, f"{NAME}@v1", f"{NAME}@{COMMIT}"):
        assert fetched(served, models, asked) == [f"{NAME} is there already: {NAME} at {COMMIT}."]
    assert served.asked == []
    assert fetched(served, models, f"{NAME}@main") == [
        f"{NAME} is there already: {NAME} at {COMMIT}."
    ]


def test_another_commit_takes_another_name(served: Hub, models: Path) -> None:
    fetched(served, models)
    served.commits[NAME] = LATER
    with pytest.raises(ChoraleError) as caught:
        fetched(served, models, f"{NAME}@{LATER}")
    assert str(caught.value) == (
        f"T009 The library has a model '{NAME}' already, and it is not {NAME}@{LATER}. "
        f"Choose another name: python app.py fetch {NAME}@{LATER} --as NAME"
    )
    fetched(served, models, f"{NAME}@{LATER}", name="mine/later")
    assert Library(models, models).names() == ("mine/later", NAME)
    assert json.loads((models / "mine/later/hub.json").read_text())["commit"] == LATER


def test_a_folder_that_nobody_fetched_is_left_alone(served: Hub, models: Path) -> None:
    folders.pixels(models / NAME)
    with pytest.raises(ChoraleError, match="T009"):
        fetched(served, models)
    assert not (models / NAME / "hub.json").exists()


def test_an_interrupted_download_goes_on_where_it_stopped(served: Hub, models: Path) -> None:
    served.cut.add(Path(UNET).name)
    found = refusal(served, models)
    assert found.startswith(f"M047 '{NAME}' cannot be fetched: the hub does not answer as it")
    assert found.endswith("(it broke off). Look whether this machine is online and try again: "
                          "what has arrived is kept.")  # fmt: skip
    kept = models / ".fetching" / COMMIT / NAME
    (part,) = kept.rglob("*.part")
    arrived = part.stat().st_size
    assert arrived > 0
    whole = {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()}
    served.cut.clear()
    served.asked.clear()
    first, _ = fetched(served, models)
    assert ", of which " in first
    assert not whole & set(served.files())
    ranges = [headers["Range"] for _, headers in served.asked if "Range" in headers]
    assert set(ranges) == {f"bytes={arrived}-"}
    assert Library(models, models).model(NAME).pipeline == "StableDiffusionPipeline"


def test_the_bar_counts_every_byte_once(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[tqdm[Any]] = []

    def shown(**settings: Any) -> tqdm[Any]:
        bars.append(tqdm(**{**settings, "disable": False, "file": io.StringIO()}))
        return bars[-1]

    served.cut.add(Path(UNET).name)
    refusal(served, models)
    served.cut.clear()
    monkeypatch.setattr(hub, "tqdm", shown)
    fetched(served, models)
    bar = max(bars, key=lambda each: each.total or 0)
    files = [path for path in (models / NAME).rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if path.name != "hub.json")
    assert bar.total == bar.n == size
    assert 0 < bar.initial < size


def test_a_wrong_hash_is_refused_and_the_file_removed(served: Hub, models: Path) -> None:
    for spoilt in ("config.json", Path(UNET).name):
        served.spoilt = {spoilt}
        found = refusal(served, models)
        assert found.startswith("M050 '")
        assert f"{spoilt}' of '{NAME}' is not what the hub says: its hash is another" in found
        assert not [path for path in models.rglob("*") if path.name.startswith(spoilt)]
    served.spoilt.clear()
    fetched(served, models)


def test_a_part_that_is_longer_than_the_file_is_begun_anew(served: Hub, models: Path) -> None:
    served.cut.add(Path(UNET).name)
    refusal(served, models)
    (part,) = (models / ".fetching").rglob("*.part")
    part.write_bytes(b"x" * 10**6)
    served.cut.clear()
    fetched(served, models)


def test_a_hub_that_is_not_reached_is_said(models: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses
        found = refusal(Hub(tmp_path, port=taken.getsockname()[1]), models)
    assert found.startswith(
        f"M047 '{NAME}' cannot be fetched: the hub does not answer as it should (ConnectError)."
    )


def test_an_offline_machine_is_said_so(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "(HF_HUB_OFFLINE forbids it)" in refusal(served, models)
    assert served.asked == []


@pytest.mark.parametrize(
    ("status", "sends", "why"),
    [
        (503, b"", "it answers 503"),
        (200, b"<html>Log in to the network</html>", "it answers as no hub does"),
        (200, b"{}", "it answers as no hub does"),
        (200, b'{"id": "a/b", "sha": "../../x", "siblings": []}', "it does not say what it has"),
    ],
)
def test_what_answers_as_no_hub_does_is_said(
    served: Hub, models: Path, status: int, sends: bytes, why: str
) -> None:
    served.status, served.sends = status, sends
    assert f"M047 '{NAME}' cannot be fetched: " in refusal(served, models)
    assert f"({why})" in refusal(served, models)


def test_an_unknown_model_and_an_unknown_revision_are_told_apart(served: Hub, models: Path) -> None:
    assert refusal(served, models, "someone/else").startswith(
        "M048 The hub has no model 'someone/else'"
    )
    assert refusal(served, models, f"{NAME}@v9") == (
        f"M052 '{NAME}' has no revision 'v9' on the hub. "
        "Write a branch, a tag or a whole commit behind the @, or leave it out."
    )


def test_a_gated_model_needs_the_token_of_the_environment(
    served: Hub,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served.gated.add(NAME)
    assert refusal(served, models).startswith(f"M049 '{NAME}' is not open to everybody")
    monkeypatch.setenv("HF_TOKEN", "hf_of-somebody-else")
    assert refusal(served, models).startswith("M049")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    served.asked.clear()
    with caplog.at_level(logging.DEBUG):
        said = fetched(served, models)
    elsewhere = [headers for path, headers in served.asked if path.startswith("/large/")]
    assert elsewhere
    assert not [headers for headers in elsewhere if "Authorization" in headers]
    told = capsys.readouterr()
    kept = [p.read_bytes() for p in models.rglob("*") if p.is_file()]
    assert TOKEN not in "".join([*said, caplog.text, told.out, told.err])
    assert not [each for each in kept if TOKEN.encode() in each]


def test_a_token_in_a_file_is_not_used(
    served: Hub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    fetched(served, models)
    assert not [headers for _, headers in served.asked if "Authorization" in headers]


def test_a_disk_without_room_is_said_before_and_while_it_fills(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
        assert "are needed and 1 bytes are free" in refusal(served, models)
    assert served.files() == ["model_index.json"]

    def full(url: str, target: Any, **more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(repository, "http_get", full)
    assert refusal(served, models).startswith(
        "M051 There is no room for the model: No space left on device."
    )


@pytest.mark.parametrize(
    "asked",
    ["", "tiny", "a/b/c", "../x", "a/..", f"{NAME}@", "a b/c", "/a/b", "a//b", "a/b--c", "a/b.git"],
)
def test_what_is_no_name_of_the_hub_is_refused(served: Hub, models: Path, asked: str) -> None:
    assert refusal(served, models, asked).startswith("M010 '")
    assert served.asked == []


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../b", ""])
def test_a_name_that_leads_out_of_the_library_is_refused(
    served: Hub, models: Path, name: str
) -> None:
    if name:
        assert refusal(served, models, name=name).startswith("M010 '")
    assert not [path for path in models.parent.iterdir() if path.name == "x"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"_class_name": ["my_pipeline", "Thing"]}, "M006"),
        ({"_class_name": "KandinskyPipeline"}, "M006"),
        ({"unet": ["modeling", "MyUNet"]}, "M006"),
        ({"scheduler": ["my_scheduler", "MyScheduler"]}, "M006"),
        ({"vae_2": ["diffusers", "AutoencoderKL"]}, "M003"),
    ],
)
def test_what_cannot_be_loaded_is_refused_before_its_weights_come(
    served: Hub, models: Path, change: dict[str, Any], code: str
) -> None:
    path = served.folder / NAME / "model_index.json"
    write_json(path, {**json.loads(path.read_text()), **change})
    assert refusal(served, models).startswith(code)
    assert served.files() == ["model_index.json"]
    assert [path.name for path in (models / ".fetching").iterdir()] == [f"{COMMIT}.lock"]


def test_pickled_weights_are_refused_before_anything_else_comes(served: Hub, models: Path) -> None:
    for each in (served.folder / NAME / "unet").glob("*.safetensors"):
        each.unlink()
    assert refusal(served, models).startswith(f"M004 '{NAME}' has only pickled weights in unet/")


def test_settings_are_checked_before_the_weights_come(served: Hub, models: Path) -> None:
    path = served.folder / NAME / "unet/config.json"
    write_json(path, {**json.loads(path.read_text()), "in_channels": 9})
    assert refusal(served, models).startswith(f"M023 The UNet of '{NAME}' takes other inputs")
    assert not [each for each in served.files() if each.endswith(".safetensors")]


def test_a_divided_network_comes_whole(served: Hub, models: Path) -> None:
    part = served.folder / NAME / "unet"
    index = {"weight_map": {"a": "x"}}
    (part / UNET.partition("/")[2]).rename(
        part / "diffusion_pytorch_model-00001-of-00001.safetensors"
    )
    for each in ("fp16.json", "json"):
        write_json(part / f"diffusion_pytorch_model.safetensors.index.{each}", index)
    named = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00001.safetensors"}}
    write_json(part / "diffusion_pytorch_model.safetensors.index.json", named)
    fetched(served, models)
    assert sorted(path.name for path in (models / NAME / "unet").iterdir()) == [
        "config.json",
        "diffusion_pytorch_model-00001-of-00001.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
    ]


def test_a_model_that_guides_is_fetched_likewise(served: Hub, models: Path) -> None:
    folder = write_classifier(served.folder / "someone/resnet")
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    served.commits["someone/resnet"] = LATER
    fetched(served, models, "someone/resnet")
    assert Library(models, models).companion("someone/resnet").network.startswith("ResNet")
    assert not list(models.rglob("*.bin"))


def test_a_hub_that_says_nothing_is_not_waited_for(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ChoraleError) as caught:
            fetch(models, NAME, endpoint=address, say=lambda _: None)
    (said,) = caught.value.diagnostics
    assert said.code == "M047"
    assert not list(models.rglob("*.json"))


def test_an_adapter_is_fetched_likewise(served: Hub, models: Path) -> None:
    making.t2i_adapter(served.folder / "someone/lines")
    served.commits["someone/lines"] = LATER
    fetched(served, models, "someone/lines")
    assert Library(models, models).companion("someone/lines").network == "T2IAdapter"


def test_what_is_no_model_for_chorale_is_refused(served: Hub, models: Path) -> None:
    folder = served.folder / "someone/llm"
    served.commits["someone/llm"] = LATER
    write_json(folder / "other.json", {})
    assert refusal(served, models, "someone/llm").startswith("M002 'someone/llm' has no model_i")
    write_json(folder / "config.json", {"architectures": ["LlamaForCausalLM"]})
    assert refusal(served, models, "someone/llm").startswith(
        "M020 'someone/llm' cannot guide: it is a LlamaForCausalLM."
    )


def test_a_model_that_is_arriving_is_not_listed(served: Hub, models: Path) -> None:
    seen: list[tuple[str, ...]] = []

    def look(text: str) -> None:
        seen.append(Library(models, models).names())

    fetch(models, NAME, endpoint=served.address, say=look)
    assert seen == [(), (NAME,)]


def test_the_command_line_fetches_from_where_the_environment_says(
    served: Hub, models: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "app.py", "fetch", f"{NAME}@{COMMIT}", "--as", "mine/tiny"],
        env={**os.environ, "HF_ENDPOINT": served.address, "CHORALE_MODELS": str(models)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("It is whole: choose 'mine/tiny'.\n")
    assert Library(models, models).names() == ("mine/tiny",)


def test_the_command_line_says_what_is_wrong(
    served: Hub, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "MODELS", (models,))
    monkeypatch.setattr(hub, "fetch", partial(fetch, endpoint=served.address))
    assert cli.main(["fetch", "someone/else"]) == 1
    assert capsys.readouterr().err.startswith("error: M048 The hub has no model 'someone/else'")


def test_a_missing_model_of_the_hub_is_told_how_to_fetch(models: Path) -> None:
    with pytest.raises(ChoraleError) as caught:
        Library(models, models).model("runwayml/stable-diffusion-v1-5")
    assert str(caught.value).endswith(
        "fetch it: python app.py fetch runwayml/stable-diffusion-v1-5"
    )


def test_configurations_alone_are_lent_to_a_checkpoint_of_one_file(
    served: Hub, models: Path, tiny: Path
) -> None:
    onefiles.onefile(models / "own/dream.safetensors", tiny)
    with pytest.raises(ChoraleError) as caught:
        Library(models, models).model("own/dream.safetensors")
    assert "python app.py fetch OWNER/NAME --configs" in str(caught.value)
    first, last = fetched(served, models, configs=True)
    assert first.startswith(f"the configurations of {NAME} at {COMMIT}, licence openrail++: ")
    assert last == "It is whole: it is lent to checkpoints of one file."
    assert not any(each.endswith(".safetensors") for each in served.files())
    library = Library(models, models)
    assert library.model("own/dream.safetensors").folder == models / NAME
    roles = {each.name: each.role for each in inventory(library) if isinstance(each, Entry)}
    assert roles == {"own/dream.safetensors": "expert", NAME: "configuration"}
    assert fetched(served, models, configs=True) == [
        f"{NAME} is there already: the configurations of {NAME} at {COMMIT}."
    ]
    with pytest.raises(ChoraleError) as caught:
        fetched(served, models)
    assert str(caught.value).startswith("T009")
    fetched(served, models, name="mine/whole")
    assert Library(models, models).model("mine/whole")


def test_configurations_that_are_lent_to_nothing_are_refused(
    served: Hub, models: Path, tmp_path: Path
) -> None:
    folders.dit(tmp_path / "hub/someone/dit")
    served.commits["someone/dit"] = LATER
    said = refusal(served, models, "someone/dit", configs=True)
    assert said.startswith("T022 someone/dit lends nothing to checkpoints of one file, which are ")
    assert said.endswith("python app.py fetch someone/dit")
    assert not (models / "someone/dit").exists()


def test_a_second_fetch_waits_for_the_first_and_brings_nothing_twice(
    served: Hub, models: Path
) -> None:
    said: list[str] = []
    waits = threading.Event()

    def second() -> None:
        fetch(models, NAME, endpoint=served.address, say=noted)

    def noted(text: str) -> None:
        said.append(text)
        waits.set()

    beside = threading.Thread(target=second)

    def first(text: str) -> None:
        if not beside.ident:
            beside.start()
            assert waits.wait(30)

    fetch(models, NAME, endpoint=served.address, say=first)
    beside.join(30)
    assert said == [
        "It is being fetched already; this waits until that has ended.",
        f"{NAME} is there already: {NAME} at {COMMIT}.",
    ]
    assert len(served.files()) == len(set(served.files()))
    assert Library(models, models).names() == (NAME,)


def test_a_fetch_that_was_waited_for_in_vain_is_done_by_the_second(
    served: Hub, models: Path
) -> None:
    lock = models / ".fetching" / f"{COMMIT}.lock"
    lock.parent.mkdir()
    holds = (
        "import sys\nfrom huggingface_hub.utils import WeakFileLock\n"
        "with WeakFileLock(sys.argv[1]):\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds, lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            other.kill()

        fetch(models, NAME, endpoint=served.address, say=say)
    assert said[0] == "It is being fetched already; this waits until that has ended."
    assert said[-1] == f"It is whole: choose '{NAME}'."
