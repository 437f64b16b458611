"""The exported file: a plan from top to bottom, in the words of the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from graph.events import Performance
from graph.export.naming import Names
from graph.export.parts import FOLDER, folded, import_lines, needed, piece
from graph.export.refusing import refuse
from graph.export.track import Track
from graph.export.wording import line_of, text_of
from graph.library import Library
from graph.plan import Plan

LIBRARIES = ("torch", "diffusers", "transformers", "numpy", "pillow")
LOCAL = (
    *("x", "level", "levels", "step", "steps", "draw", "draw_again", "noise", "seen", "particles"),
    *("start", "codec", "where", "denoise_anew"),
    *("denoise", "denoise_window", "window", "windows", "parts", "here", "memory", "number"),
    *("answers", "composed", "values", "clean", "sample", "main", "picture", "path", "F"),
)
"""Names that every file may give a meaning."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The text of the file, and the pictures that lie beside it by their names."""

    text: str
    files: Mapping[str, bytes]


SEVERAL = [
    "class Folders:",
    '    """Folders of models; of two models of one name the first counts."""',
    "",
    "    def __init__(self, *folders: str) -> None:",
    "        self.folders = [Path(folder) for folder in folders]",
    "",
    "    def __truediv__(self, name: str) -> Path:",
    "        found = (folder / name for folder in self.folders if (folder / name).exists())",
    "        return next(found, self.folders[0] / name)",
    "",
    "",
]


def from_here(folder: Path) -> Path:
    """The folder as it is called from where the program was started."""
    whole = folder.resolve()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole


def export(
    plan: Plan,
    library: Library,
    *,
    title: str,
    description: str = "",
    stem: str = "exported",
    performance: Performance | None = None,
    versions: Mapping[str, str] | None = None,
    models: Callable[[Path], Path] = from_here,
) -> Exported:
    """The plan as one Python file; ChoraleError W024 for what cannot be exported.

    `stem` begins the names of what it reads and paints; `performance` is played by it, and
    `models` says what a model folder is called in it.
    """
    refuse(plan, library)
    names = Names((*_names_of_pieces(), *LOCAL))
    decodes = [each for each in plan.operations if each.op == "decode"]
    tracks = [
        Track(plan, library, each, number, stem, names, performance)
        for number, each in enumerate(decodes)
    ]
    functions = [track.lines() for track in tracks]
    files = {name: data for track in tracks for name, data in track.files.items()}
    main = _main(tracks, stem)
    wanted = [each for track in tracks for each in (*track.wanted, track.finish[0])]
    parts, imports = needed(wanted)
    opens = any("MODELS" in part.names for part in parts)
    own = {("Path", "pathlib", "Path"), ("torch", "torch", None), ("Tensor", "torch", "Tensor")}
    if any("Image.open" in line for lines in functions for line in lines):
        own.add(("Image", "PIL", "Image"))
    sections = [
        f'"""{_said(title, description, files, versions or {})}\n"""',
        "\n".join(map(folded, import_lines(own | _split(imports)))),
        "\n".join(_header([models(each) for each in _shelves(plan, library) if opens])),
        *("\n".join(track.constants) for track in tracks if track.constants),
    ]
    text = "\n\n".join(sections)
    constants = [part.text for part in parts if part.constant]
    if constants:
        text += "\n\n" + "\n".join(constants)
    whole = [part.text for part in parts if not part.constant]
    text = "\n\n\n".join([text, *whole, *("\n".join(lines) for lines in [*functions, main])])
    text += '\n\n\nif __name__ == "__main__":\n    main()\n'
    return Exported(text, files)


def _names_of_pieces() -> set[str]:
    found: set[str] = set()
    for path in sorted(FOLDER.rglob("[a-z]*.py")):
        module = path.relative_to(FOLDER).with_suffix("").as_posix().replace("/", ".")
        found |= {*piece(module).parts, *piece(module).imports}
    return found


def _shelves(plan: Plan, library: Library) -> Iterator[Path]:
    """The model folders that the plan's models lie in."""
    settings = [dict(each.settings) for each in plan.operations]
    named = {each[key] for each in settings for key in ("expert", "model") if key in each}
    found = [library.shelves.at(name) for name in named if isinstance(name, str)]
    lent = [library.model(each).folder for each in library.names() if each in named]
    for folder in library.shelves.folders:
        if any(each and each.is_relative_to(folder) for each in (*found, *lent)):
            yield folder


def _header(folders: Sequence[Path]) -> list[str]:
    told = ", ".join(text_of(each.as_posix()) for each in dict.fromkeys(folders))
    where = [
        "# where the checkpoints lie, as diffusers saves them",
        f"MODELS = {'Path' if len(set(folders)) == 1 else 'Folders'}({told})",
    ]
    return [
        *(SEVERAL if len(set(folders)) > 1 else []),
        *(where if folders else []),
        "HERE = Path(__file__).parent",
        'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"',
        *(
            ["PRECISION = torch.float32  # of the networks; the state is always float32"]
            * bool(folders)
        ),
    ]


def _main(tracks: list[Track], stem: str) -> list[str]:
    lines = ["def main() -> None:", '    """Sample, and save the pictures beside this file."""']
    for track in tracks:
        end = track.end
        label = f"{stem}{end.replace('_', '-')}"
        lines += [
            f"    for number, picture in enumerate({track.finish[1]}):",
            f'        path = HERE / f"{label}-picture-{{number + 1}}.png"',
            "        picture.save(path)",
            "        print(path)",
        ]
    return lines


def _said(
    title: str,
    description: str,
    files: Mapping[str, bytes],
    versions: Mapping[str, str],
) -> str:
    """The docstring of the file."""
    words = [f"{line_of(title) or 'Untitled'}.", ""]
    # a word that is cut in two may be cut behind the first of two backslashes
    about = wrap(line_of(description), 88, break_long_words=False)
    words += [*about, ""] if about else []
    words.append("x = alpha·x0 + sigma·noise with alpha² + sigma² = 1; D(x) is the clean picture")
    words.append("that is expected, and a level is the pair (alpha, sigma).")
    if files:
        kind = "pictures" if all(name.endswith(".png") for name in files) else "files"
        named = f"Beside this file lie the {kind} that it reads: {', '.join(files)}."
        words += ["", *wrap(named, 88, break_on_hyphens=False)]
    if versions:
        made = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES if name in versions)
        words += ["", *wrap(f"Exported from a workflow of Chorale; made with {made}.", 88)]
    return "\n".join(words).strip()


def _split(lines: list[str]) -> set[tuple[str, str, str | None]]:
    """Import statements as (name, module, what of it)."""
    found: set[tuple[str, str, str | None]] = set()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "import":
            module, _, name = rest.partition(" as ")
            found.add((name or module, module, None))
        elif word == "from":
            module, _, names = rest.partition(" import ")
            found |= {(each, module, each) for each in names.split(", ")}
    return found
