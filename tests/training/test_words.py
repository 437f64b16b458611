"""The tokenizer of the world's language."""

from training.words import END, MAX_TOKENS, UNKNOWN, null_ids, token_ids, tokenizer
from training.world import caption, scene_of, vocabulary


def test_every_word_of_the_world_is_one_token():
    tokens = tokenizer()
    for word in vocabulary():
        ids = tokens(word).input_ids
        assert len(ids) == 2, word
        assert UNKNOWN not in ids


def test_captions_fit_and_hold_no_unknown_word():
    captions = [caption(scene_of("test words", i), i % 5) for i in range(300)]
    ids = token_ids(tokenizer(), captions)
    assert ids.shape == (300, MAX_TOKENS)
    assert not (ids == UNKNOWN).any()
    assert ((ids == END).sum(1) == 1).all()


def test_other_words_are_unknown():
    assert UNKNOWN in tokenizer()("a zeppelin at night").input_ids


def test_the_null_caption_is_the_empty_prompt_of_a_pipeline():
    assert token_ids(tokenizer(), ["", ""]).equal(null_ids(2))
