import base64
import io

import pytest
from PIL import Image

from studio import piece
from studio.thumbnails import LARGEST, thumbnails

SIDE = 64


@pytest.fixture(scope="module")
def library():
    return piece.library()


def test_the_class_expert_shows_a_different_picture_for_each_of_its_classes(library):
    address = thumbnails(library, "playground/class")
    sprite = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    labels = library.model("playground/class").card.labels
    assert sprite.size == (5 * SIDE, -(-len(labels) // 5) * SIDE)
    cells = {
        sprite.crop((SIDE * (at % 5), SIDE * (at // 5), SIDE * (at % 5 + 1), SIDE * (at // 5 + 1)))
        .convert("RGB")
        .tobytes()
        for at in range(len(labels))
    }
    assert len(cells) == len(labels)
    assert len(address) < 40_000


@pytest.mark.parametrize("name", ["playground/text", "no/such", "../../etc", "", None, 7, {}])
def test_what_has_no_pictures_has_none(library, name):
    assert thumbnails(library, name) is None


def test_a_file_that_is_too_large_is_not_sent(library, tmp_path, monkeypatch):
    model = library.model("playground/class")
    (tmp_path / "class.webp").write_bytes(b"x" * (LARGEST + 1))

    class Elsewhere:
        def model(self, name):
            return type(model)(**{**vars(model), "folder": tmp_path / "class"})

    assert thumbnails(Elsewhere(), "playground/class") is None
