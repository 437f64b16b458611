"""The autoencoder's training: it learns, resumes exactly, and can keep its latents."""

import json
from dataclasses import replace

import pytest
import torch

from training import autoencoder, codec
from training.autoencoder import Settings, Training, reconstruction_loss
from training.pictures import pool, to_bytes
from training.spaces import FINE, PLAYGROUND
from training.world import draw

SMALL = replace(PLAYGROUND, widths=(8, 8, 8, 8))
TINY = Settings(batch=2, pictures=10, processes=1, space=SMALL)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished training of a few steps."""
    folder = tmp_path_factory.mktemp("autoencoder")
    autoencoder.train(TINY, 3, None, folder)
    return folder


def test_a_training_leaves_latents_of_unit_scale_a_preview_and_a_score(run):
    vae = codec.open_frozen(run / "vae")
    latents = codec.encode(vae, autoencoder.held_out(64, start=1000))
    assert latents.std(dim=(0, 2, 3)).sub(1).abs().max() < 0.15
    preview = json.loads((run / "preview.json").read_text())
    assert (len(preview["weight"]), len(preview["bias"])) == (108, 48)
    assert json.loads((run / "score.json").read_text())["steps"] == 3


def test_another_space_is_a_choice_with_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(autoencoder, "RUNS", tmp_path)
    autoencoder.train(replace(TINY, space=replace(FINE, widths=(8, 8, 8))), 1, None)
    run = tmp_path / "autoencoder-fine"
    assert codec.open_frozen(run / "vae").config.latent_channels == 4
    preview = json.loads((run / "preview.json").read_text())
    assert (len(preview["weight"]), len(preview["bias"])) == (4 * 9, 3 * 4)


def test_training_the_decoder_alone_keeps_every_latent(run, tmp_path):
    codec.open_frozen(run / "vae").save_pretrained(tmp_path / "vae")
    before = codec.open_frozen(run / "vae").state_dict()
    autoencoder.train(replace(TINY, decoder_only=True), 2, None, tmp_path)
    after = codec.open_frozen(tmp_path / "vae").state_dict()
    for key, value in before.items():
        kept = key.startswith(("encoder.", "quant_conv."))
        assert value.equal(after[key]) is kept, key


def test_a_resumed_training_continues_bit_for_bit(tmp_path):
    torch.set_num_threads(1)
    pictures = pool(10, 0, 1)
    whole = Training(TINY, 0, tmp_path / "whole")
    for _ in range(4):
        whole.advance(pictures, 0.0)
    first = Training(TINY, 0, tmp_path / "halves")
    for _ in range(2):
        first.advance(pictures, 0.0)
    first.trainer.save()
    second = Training(TINY, 0, tmp_path / "halves")
    assert second.trainer.step == 2
    for _ in range(2):
        second.advance(pictures, 0.0)
    for key, value in whole.vae.state_dict().items():
        assert value.equal(second.vae.state_dict()[key]), key


def test_two_processes_share_their_gradients(tmp_path):
    autoencoder.train(replace(TINY, processes=2), 2, None, tmp_path)
    assert json.loads((tmp_path / "score.json").read_text())["steps"] == 2


def test_the_pool_shows_scenes_masks_and_sketches_without_overlap():
    one, other = pool(10, 0, 2), pool(10, 1, 2)
    assert one.shape == other.shape == (10, 3, 128, 128)
    assert not any(a.equal(b) for a in one for b in other)
    sketches = one[-2:].float() / 255
    assert sketches[:, 0].equal(sketches[:, 1])
    assert sketches.max() == 1


def test_the_loss_of_a_constant_error_has_no_edges():
    target = torch.zeros(2, 3, 8, 8)
    assert float(reconstruction_loss(target + 0.5, target, 1.0)) == pytest.approx(0.5 + 2 * 0.25)


def test_the_decoder_alone_learns_from_scenes_only():
    scenes = pool(4, 0, 1, conditions=False)
    assert scenes.equal(to_bytes(draw("autoencoder", 0, 4).picture))
