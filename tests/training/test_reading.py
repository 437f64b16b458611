"""The text encoder's first lesson."""

import torch

from training import reading
from training.reading import NOBODY, OFFSETS, Reader, neighbours, sentences
from training.words import PAD, tokenizer


def test_neighbours_are_the_words_three_to_each_side():
    ids = torch.tensor([[7, 8, 9, 1, PAD, PAD]])
    named = neighbours(ids)[0]
    none = NOBODY
    assert OFFSETS == (-3, -2, -1, 1, 2, 3)
    assert named.tolist() == [
        [none, none, none, 8, 9, 1],
        [none, none, 7, 9, 1, none],
        [none, 7, 8, 1, none, none],
        [7, 8, 9, none, none, none],
        [none] * 6,
        [none] * 6,
    ]


def test_nothing_wraps_round_a_sentence_without_padding():
    named = neighbours(torch.tensor([[3, 4]]))[0]
    assert named[:, :3].tolist() == [[NOBODY] * 3, [NOBODY, NOBODY, 3]]
    assert named[:, 3:].tolist() == [[4, NOBODY, NOBODY], [NOBODY] * 3]


def test_reading_is_learned_from_sentences_alone(tmp_path):
    reader = Reader(len(tokenizer()))
    ids = sentences("reading held out", 500)
    with torch.no_grad():
        guessed = float(reader.loss(reader.read(ids), ids))
    assert reading.train(60, None, tmp_path) < guessed - 1.5
