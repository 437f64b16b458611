"""LoRA's kin in workflows: live faders, several on one expert, one base for all, and their room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from graph.footprint import parts_of
from graph.inventory import Entry, inventory
from graph.library import Library
from graph.runtime import Runtime
from studio.cli import main
from tests.graph.adapters.test_lora_runs import drawn, tensors
from tests.graph.adapters.workflows import player_of, sampled
from tests.graph.experts import folders, loras, lycoris
from tests.graph.experts.alone import CPU
from tests.graph.experts.test_stable_diffusion import unit_noise
from tests.graph.test_modulated_runs import result

KINDS = {
    "dora": "DoRA",
    "columns": "DoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "whole": "full difference",
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:Already found a .peft_config. attribute:UserWarning:peft"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A base with a file of every kind, and a plain LoRA."""
    models = tmp_path_factory.mktemp("kin") / "models"
    base = folders.stable_diffusion(models / "base")
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    networks = {"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    place = models / "loras"
    loras.kohya(place / "ink.safetensors", networks, 1)
    loras.peft(place / "dora.safetensors", networks, 2, dora=True)
    loras.kohya(place / "columns.safetensors", networks, 3, axis=1, wanted=loras.everything)
    lycoris.differences(place / "whole.safetensors", networks, 4)
    lycoris.file_of(place / "loha.safetensors", base, "loha with cores", 5)
    lycoris.file_of(place / "lokr.safetensors", base, "lokr", 6)
    return Library(models, models.parent / "assets")


@pytest.mark.parametrize("kind", KINDS)
def test_the_fader_is_heard_at_every_step_and_at_zero_is_the_base(
    library: Library, kind: str
) -> None:
    found = drawn(library, {kind: {"reliability": 0.8}})
    player = player_of(library, found, unit_noise())
    still = player_of(library, found, unit_noise())
    assert found.plan is not None
    values = {each.name: each.default for each in found.plan.controls}
    with torch.inference_mode():
        for number in range(4):
            now = 0.8 if number < 2 else -1.0
            player.advance(number, {**values, f"{kind}.reliability": now})
            still.advance(number, values)
            assert torch.equal(player.x, still.x) == (number < 2)
    plain = sampled(library, drawn(library, {}, {"expert": ()}), unit_noise())
    silent = drawn(library, {kind: {"reliability": 0.0}})
    assert torch.equal(sampled(library, silent, unit_noise()), plain)
    assert not torch.equal(sampled(library, found, unit_noise()), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_of_a_sweep_is_the_run_of_its_own_weight(library: Library, kind: str) -> None:
    swept = drawn(
        library,
        {kind: {}},
        more=(f"sweep.reliability > {kind}.reliability",),
        nodes={"sweep": ("sweep", {"start": 0.0, "stop": 0.6, "count": 2})},
    )
    together = sampled(library, swept, unit_noise().repeat(2, 1, 1, 1))
    for number, weight in enumerate((0.0, 0.6)):
        alone = sampled(library, drawn(library, {kind: {"reliability": weight}}), unit_noise())
        assert (together[number] - alone[0]).abs().max() <= 1e-4 * alone.abs().max()


def test_kinds_on_one_expert_add_up_and_each_goes_by_itself(library: Library) -> None:
    every = {name: {"reliability": 0.3} for name in ("ink", *KINDS)}
    whole = sampled(library, drawn(library, every), unit_noise())
    for name in ("dora", "columns", "lokr"):
        muted = {**every, name: {"reliability": 0.3, "muted": True}}
        without = {each: told for each, told in every.items() if each != name}
        quiet = sampled(library, drawn(library, muted), unit_noise())
        alone = sampled(library, drawn(library, without), unit_noise())
        assert (quiet - alone).abs().max() <= 1e-5
        assert (quiet - whole).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_two_experts_share_one_base(library: Library, kind: str) -> None:
    """What is held beside the base is what the budget says, and what lies in the files."""
    found = drawn(library, {kind: {}, "ink": {}}, {"one": (kind,), "two": ("ink",)})
    runtime = Runtime(library, CPU)
    assert found.plan is not None, found.diagnostics
    done = result(runtime.run(found.plan))
    assert sorted(done.meters.share) == ["one", "two"]
    held = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes()
        for kept in runtime._loaded.values()
        for each in tensors(kept.network)
    }
    _, base = runtime.expert("base")
    own = {each.untyped_storage().data_ptr(): each.nbytes for each in tensors(base)}
    names = [f"loras/{name}.safetensors" for name in (kind, "ink")]
    alphas = sum(
        each.nbytes
        for name in names
        for key, each in load_file(library.folder / name).items()
        if key.endswith("alpha")
    )
    told = sum(part.size for name in names for part in parts_of(library.lora(name), "float32"))
    assert sum(held.values()) - sum(own.values()) == pytest.approx(told - alphas, rel=0.01)


def test_the_models_are_listed_with_their_kinds(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {each.name: each for each in inventory(library) if isinstance(each, Entry)}
    for name, kind in KINDS.items():
        entry: Any = entries[f"loras/{name}.safetensors"]
        assert (entry.role, entry.asked.partition(" (")[2]) == ("lora", f"{kind})")
    assert entries["loras/ink.safetensors"].asked == "text_encoder, unet"
    monkeypatch.setattr("studio.cli.MODELS", library.folder)
    assert main(["models"]) == 0
    assert "(LoKr)" in capsys.readouterr().out


def test_a_kind_that_is_for_another_base_is_refused_where_it_is_wired(
    library: Library, tmp_path: Path
) -> None:
    other = Library(tmp_path / "models", tmp_path / "assets")
    folders.stable_diffusion_xl(other.folder / "xl")
    for kind in KINDS:
        file = other.folder / "loras" / f"{kind}.safetensors"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((library.folder / "loras" / file.name).read_bytes())
        found = drawn(other, {kind: {}}, model="xl")
        (said,) = (each for each in found.diagnostics if each.severity == "error")
        assert (said.code, said.node, said.port) == ("M040", "expert", "adapters")
