"""The documents say what is so: files and their lengths, links, names and codes."""

import re
from pathlib import Path

import pytest

from graph import correctors, forms, fusion, guidance, samplers, schedules
from graph.interfaces import (
    Corrector,
    FusionRule,
    GuidanceForm,
    GuidanceMethod,
    NoiseSchedule,
    Sampler,
)
from graph.registry import choices

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LENGTH = re.compile(r"\]\((?P<path>[^)]+)\)\s\((?P<lines>\d+) lines\)")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def test_contributing_names_real_files_with_their_real_lengths() -> None:
    said = {m["path"]: int(m["lines"]) for m in LENGTH.finditer(read("CONTRIBUTING.md"))}
    assert len(said) >= 5
    assert said == {path: len(read(path).splitlines()) for path in said}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    targets = [m["target"] for m in LINK.finditer(text) if "://" not in m["target"]]
    broken = [target for target in targets if not leads(page, target)]
    assert broken == []


def leads(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    return there.exists() and (not anchor or anchor in anchors(there))


def anchors(page: Path) -> set[str]:
    """The names that headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("page", "family", "base"),
    [
        ("docs/sampling.md", correctors, Corrector),
        ("docs/sampling.md", samplers, Sampler),
        ("docs/sampling.md", schedules, NoiseSchedule),
        ("docs/fusion.md", fusion, FusionRule),
        ("docs/guidance.md", guidance, GuidanceMethod),
        ("docs/forms.md", forms, GuidanceForm),
    ],
    ids=["correctors", "samplers", "schedules", "fusion", "guidance", "forms"],
)
def test_every_choice_has_its_place(page: str, family, base) -> None:
    text = read(page)
    missing = [name for name in choices(family, base) if name not in text]
    assert missing == []


def test_the_order_of_every_sampler_is_as_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d) \| (\d) \|", read("docs/sampling.md"), re.MULTILINE)
    said = {name: (int(order), int(calls)) for name, order, calls in rows}
    real = {
        name: (sampler.order, sampler.calls_per_step)
        for name, sampler in choices(samplers, Sampler).items()
    }
    assert said == real


def read(path: str) -> str:
    return (ROOT / path).read_text()


def test_every_code_has_one_line_and_every_line_a_code() -> None:
    parts = ("graph", "nodes", "studio", "training")
    sources = [file for part in parts for file in (ROOT / part).rglob("*.py")]
    used = {code for file in sources for code in re.findall(r'"([A-Z]\d{3})"', file.read_text())}
    said = re.findall(r"^\| ([A-Z]\d{3}) \| .+\. \|$", read("docs/errors.md"), re.MULTILINE)
    assert sorted(said) == sorted(used)
