"""The experts' examples, their conditions and their trainings."""

from dataclasses import replace

import pytest
import torch

from training import codec, experts, latents, reading
from training.budget import save_atomically
from training.experts import ExpertTraining, Settings, condition_of, dropped, forget
from training.networks import labels_of
from training.recipes import RECIPES
from training.spaces import SPACES
from training.trainer import Trainer
from training.words import END, UNKNOWN, null_ids, token_ids, tokenizer

TINY = {name: replace(r, width=32, layers=1) for name, r in RECIPES.items()}
FIELDS = {"text": {"text"}, "class": {"label"}, "mask": {"picture"}, "sketch": {"picture"}}


@pytest.fixture(scope="module")
def vaes():
    torch.manual_seed(0)
    small = {n: replace(space, widths=(8,) * len(space.widths)) for n, space in SPACES.items()}
    return {n: codec.build(each).eval().requires_grad_(False) for n, each in small.items()}


@pytest.fixture(scope="module")
def runs(vaes, tmp_path_factory):
    """Real examples of every expert, a few each."""
    root = tmp_path_factory.mktemp("runs")
    for recipe in RECIPES.values():
        for name, draw_name in (("held-out", recipe.held_out), ("000000", recipe.draw)):
            made = latents.make(recipe, vaes[recipe.space.name], draw_name, 0, 8)
            save_atomically(made.tensors(), latents.folder(recipe, root) / f"{name}.pt")
    return root


def test_no_two_experts_share_a_draw():
    names = [name for r in RECIPES.values() for name in (r.draw, r.held_out)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", RECIPES)
def test_an_expert_is_given_its_own_modality_and_nothing_else(name, runs):
    held = latents.load(RECIPES[name], runs).tensors().keys()
    wanted = set().union(*(FIELDS[m] for m in RECIPES[name].sees)) | {"latents"}
    assert held == wanted


def test_only_the_joint_expert_sees_two_modalities_of_a_picture():
    assert [r.name for r in RECIPES.values() if len(r.sees) > 1] == ["joint"]


def test_missing_latents_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m training latents mask"):
        latents.load(RECIPES["mask"], tmp_path)


@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if r.sees])
def test_conditions_are_dropped_as_often_as_the_recipe_says(name):
    recipe = RECIPES[name]
    drop = dropped(recipe, 20000, torch.Generator().manual_seed(0))
    extra = 0.05 if len(recipe.sees) > 1 else 0.0
    expected = extra + (1 - extra) * recipe.dropout
    for share in drop.values():
        assert share.float().mean() == pytest.approx(expected, abs=0.01)
    if len(recipe.sees) > 1:
        everything = torch.stack(list(drop.values())).all(0).float().mean()
        assert everything == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("name", RECIPES)
def test_a_dropped_condition_is_the_null_condition(name, runs):
    recipe = RECIPES[name]
    batch = latents.load(recipe, runs)
    everyone = {m: torch.ones(len(batch), dtype=torch.bool) for m in recipe.sees}
    condition = condition_of(recipe, batch, everyone, torch.Generator().manual_seed(0))
    if "text" in condition:
        assert condition["text"].equal(null_ids(len(batch)))
    if "picture" in condition:
        assert not condition["picture"].any()
    if recipe.sees == ("class",):
        assert (condition["label"] == labels_of(recipe)).all()


def test_a_kept_condition_is_the_example_s_own(runs):
    recipe = RECIPES["joint"]
    batch = latents.load(recipe, runs)
    drop = {m: torch.zeros(len(batch), dtype=torch.bool) for m in recipe.sees}
    drop["mask"][:] = True
    condition = condition_of(recipe, batch, drop, torch.Generator().manual_seed(0))
    assert not condition["picture"][:, :12].any()
    assert condition["picture"][:, 12:].equal(batch.picture[:, 12:].float())
    for ids, variants in zip(condition["text"], batch.text, strict=True):
        assert any(ids.equal(variant) for variant in variants)


def test_forgotten_words_become_unknown_and_nothing_else_changes():
    ids = token_ids(tokenizer(), ["a big red house at dawn"] * 400)
    worn = forget(ids, 0.5, torch.Generator().manual_seed(0))
    words = ids > UNKNOWN
    assert worn[~words].equal(ids[~words])
    assert (worn[words] == UNKNOWN).float().mean() == pytest.approx(0.5, abs=0.03)
    assert (worn == END).sum() == 400


@pytest.mark.parametrize("name", RECIPES)
def test_every_weight_of_a_network_learns(name, runs):
    training = ExpertTraining(TINY[name], Settings(batch=4), runs)
    before = {k: v.clone() for k, v in training.network.state_dict().items()}
    for _ in range(4):
        training.advance(0.0)
    # places are fixed, and a bias of keys moves all logits of a query alike: it has no gradient
    fixed = ("pos_embed.pos_embed", "to_k.bias")
    still = {
        key
        for key, value in training.network.state_dict().items()
        if value.equal(before[key]) and not key.endswith(fixed)
    }
    assert not still


@pytest.mark.parametrize("name", ["text", "joint"])
def test_a_new_expert_begins_with_the_encoder_that_can_read(name, runs, tmp_path):
    (tmp_path / "latents").symlink_to(runs / "latents")
    reading.train(1, None, tmp_path)
    begun = ExpertTraining(TINY[name], Settings(batch=4), tmp_path)
    learned = reading.learned(tmp_path)
    assert learned is not None
    for key, value in begun.network.text_encoder.state_dict().items():
        assert value.equal(learned[key]), key
    shipped = zip(begun.trainer.parameters, begun.trainer.ema.shadow, strict=True)
    assert all(average.equal(live) for live, average in shipped)


@pytest.mark.parametrize("name", ["text", "mask"])
def test_a_resumed_training_continues_bit_for_bit(name, runs, tmp_path):
    torch.set_num_threads(1)
    whole = ExpertTraining(TINY[name], Settings(batch=4), runs)
    for _ in range(6):
        whole.advance(0.0)
    first = ExpertTraining(TINY[name], Settings(batch=4), runs)
    first.trainer.checkpoint = tmp_path / "state.pt"
    for _ in range(3):
        first.advance(0.0)
    first.trainer.save()
    second = ExpertTraining(TINY[name], Settings(batch=4), runs)
    second.trainer.checkpoint = tmp_path / "state.pt"
    assert second.trainer.resume()
    for _ in range(3):
        second.advance(0.0)
    for key, value in whole.network.state_dict().items():
        assert value.equal(second.network.state_dict()[key]), key
    for mine, theirs in zip(whole.trainer.ema.shadow, second.trainer.ema.shadow, strict=True):
        assert mine.equal(theirs)


def test_validation_leaves_the_training_as_it_was(runs):
    training = ExpertTraining(TINY["sketch"], Settings(batch=4), runs)
    training.advance(0.0)
    before = [p.detach().clone() for p in training.trainer.parameters]
    assert training.validate(8) == training.validate(8)
    for p, old in zip(training.trainer.parameters, before, strict=True):
        assert p.detach().equal(old)


def test_a_broken_loss_stops_the_training(tmp_path):
    model = torch.nn.Linear(2, 2)
    trainer = Trainer(model, tmp_path / "state.pt", lr=0.1, ema=0.9)
    with pytest.raises(FloatingPointError, match="step 0"):
        trainer.apply(model(torch.full((1, 2), float("nan"))).sum(), 0.0)


def test_a_command_trains_ships_and_continues_from_the_shipped_folder(
    runs, vaes, tmp_path, monkeypatch
):
    monkeypatch.setitem(experts.RECIPES, "class", TINY["class"])
    home = tmp_path / "runs"
    for name in ("000000", "held-out"):
        stored = latents.folder(RECIPES["class"], runs) / f"{name}.pt"
        kept = latents.folder(TINY["class"], home) / f"{name}.pt"
        save_atomically(torch.load(stored, weights_only=True), kept)
    vaes["playground"].save_pretrained(home / "autoencoder" / "vae")
    (home / "autoencoder" / "preview.json").write_text('{"weight": [], "bias": []}')
    assets = tmp_path / "assets"
    experts.train("class", Settings(batch=4), 3, None, runs=home, assets=assets)
    assert (assets / "class" / "README.md").read_text().count("3 steps") == 1
    (home / "class" / "state.pt").unlink()
    again = ExpertTraining(TINY["class"], Settings(batch=4), home, assets)
    shipped = ExpertTraining(TINY["class"], Settings(batch=4), home)
    differs = False
    for mine, fresh in zip(again.trainer.parameters, shipped.trainer.parameters, strict=True):
        differs |= not mine.equal(fresh)
        assert mine.half().float().equal(mine.detach())
    assert differs
