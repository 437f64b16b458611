"""Companions on the page: offered where they are heard, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from nodes import catalogue_json
from studio.session import Session
from tests.graph.classifiers import LABELS, teach, write_classifier
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


def test_a_classifier_is_offered_to_guidance_with_its_classes(tmp_path: Path) -> None:
    library = playground(tmp_path)
    write_classifier(library.folder / "resnet")
    models = Session(library).models()
    known = {"condition": "guidance", "labels": list(LABELS), "palette": [], "asks": "class"}
    assert models["resnet"] == {**known, "taught": False}
    teach(library.folder / "resnet")
    assert Session(library).models()["resnet"] == {**known, "taught": True}
    write_classifier(library.folder / "seg", "segformer")
    told = Session(library).models()["seg"]
    assert [each["name"] for each in told["palette"]] == list(told["labels"]) == list(LABELS)
    assert catalogue_json()["guidance"]["schema"]["properties"]["model"]["hears"] == "guidance"
    assert Session(library).thumbnails({"model": "resnet"}) is None
