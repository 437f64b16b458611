import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from graph.errors import Diagnostic
from graph.events import Failure, Meters, Performance, Progress, Result, Stopped
from graph.levels import NoiseLevel
from graph.plan import PlanBuilder, Sweep
from studio.frames import frame, labels, meters


def png(picture):
    raw = io.BytesIO()
    picture.save(raw, "PNG")
    return raw.getvalue()


def picture_of(address, kind):
    head, _, body = address.partition(",")
    assert head == f"data:image/{kind};base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


METERS = Meters(
    share={"a": 0.75, "b": 0.25},
    cosine={("a", "b"): -0.5},
    map={
        "a": np.array([[[1.0, 0.5]], [[0.0, 0.0]]], dtype=np.float32),
        "b": np.array([[[0.0, 0.5]], [[1.0, 1.0]]], dtype=np.float32),
    },
)


def test_a_progress_frame_is_json_with_its_preview_and_the_first_samples_map():
    event = Progress(
        track="out",
        step=3,
        steps=24,
        level=NoiseLevel.from_noise(0.25),
        seconds_left=1.5,
        weights={"a": 0.9},
        preview=(Image.new("RGB", (8, 6), "red"),),
        meters=METERS,
        readings={"acceptance": 0.81234},
    )
    read = json.loads(json.dumps(frame(event)))
    assert read["noise"] == pytest.approx(0.25)
    assert read["readings"] == {"acceptance": 0.812}
    assert picture_of(read["preview"][0], "jpeg").size == (8, 6)
    assert read["meters"]["cosine"] == [["a", "b", -0.5]]
    places = read["meters"]["map"]
    assert (places["h"], places["w"]) == (1, 2)
    assert list(base64.b64decode(places["a"])) == [255, 128]


def test_a_frame_has_the_course_of_the_cosine_as_points():
    course = {("a", "b"): ((1.0, 0.25), (0.51234, -0.12345))}
    read = json.loads(json.dumps(meters(replace(METERS, course=course))))
    assert read["course"] == [["a", "b", [[1.0, 0.25], [0.5123, -0.123]]]]


def test_a_result_keeps_every_pixel_and_every_move():
    picture = Image.effect_noise((9, 5), 60).convert("RGB")
    event = Result("out", (picture,), None, Performance(((0, "a.reliability", 0.5),)), 2.0)
    read = json.loads(json.dumps(frame(event, [png(picture)])))
    assert picture_of(read["pictures"][0], "png").tobytes() == picture.tobytes()
    assert read["record"] == [[0, "a.reliability", 0.5]]


def test_what_ends_a_run_says_why():
    assert frame(Stopped(4)) == {"type": "stopped", "step": 4}
    read = frame(Failure((Diagnostic("R004", "Broken.", node="a"),)))
    assert read["diagnostics"][0]["node"] == "a"


def test_silence_has_no_map():
    nothing = {"share": {}, "cosine": [], "course": [], "map": None}
    assert meters(Meters({}, {}, {})) == nothing


def test_swept_samples_are_labelled_with_their_values():
    plan = PlanBuilder()
    plan.add("a", "denoise", weight=(1.0, Sweep("a.reliability", (0.0, 0.5, 1.0))))
    assert labels(plan.build()) == ["reliability 0", "reliability 0.5", "reliability 1"]
    assert labels(PlanBuilder().build()) == []
