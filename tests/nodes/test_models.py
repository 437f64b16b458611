"""Words: the page splits a sentence as the expert does (editor/tests/words.test.js)."""

import json
from pathlib import Path

import pytest

from nodes.models import WORD

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "words.json").read_text())


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["sentence"])
def test_a_sentence_is_split_into_its_words(case):
    assert WORD.findall(case["sentence"].lower()) == case["words"]
