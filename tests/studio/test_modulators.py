"""Modulators on the page: offered where a score is heard, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from studio.session import Session
from tests.graph.fakes import playground
from tests.graph.modules import write_modulator


def test_a_modulator_is_offered_where_a_score_is_heard(tmp_path: Path) -> None:
    library = playground(tmp_path)
    write_modulator(library.folder / "playground" / "modulator-maps")
    write_modulator(library.folder / "ill", maps=["smell"])
    models = Session(library).models()
    heard = {name for name, told in models.items() if told["condition"] == "score"}
    assert heard == {"playground/modulator-maps"}
    assert models["playground/text"]["condition"] == "text"
