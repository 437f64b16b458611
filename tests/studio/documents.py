"""Workflows that play in milliseconds: experts that are formulas."""

from typing import Any

TWO: dict[str, Any] = {
    "chorale": 1,
    "title": "Two Gaussians",
    "nodes": [
        {"id": "a", "type": "gaussian_expert", "settings": {"mean": 0.6}},
        {"id": "b", "type": "gaussian_expert", "settings": {"mean": -0.6}},
        {"id": "fuse", "type": "fuse", "settings": {"rule": {"name": "mean"}}},
        {"id": "sampler", "type": "sampler", "settings": {"steps": 4, "seed": 5}},
        {"id": "out", "type": "picture", "settings": {}},
    ],
    "wires": [
        {"from": "a.score", "to": "fuse.scores"},
        {"from": "b.score", "to": "fuse.scores"},
        {"from": "fuse.score", "to": "out.score"},
        {"from": "sampler.sampling", "to": "out.sampling"},
    ],
}
