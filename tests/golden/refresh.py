"""Writes golden plans and messages anew; read the difference before committing it."""

import tempfile
from pathlib import Path

from graph.compile import compile_workflow
from graph.library import Library
from graph.storage import import_assets, read_any
from nodes import catalogue
from tests.graph import test_compile
from tests.graph.test_compile import EXAMPLES, GOLDEN
from tests.graph.validate.test_messages import ALL_CASES, shown, stage


def plans(library: Library) -> None:
    """The plan of every example."""
    for path in EXAMPLES:
        workflow, _ = read_any(path)
        import_assets(workflow, library)
        compiled = compile_workflow(workflow, catalogue(), library)
        (GOLDEN / f"{path.stem}.plan").write_text(f"{compiled.plan}\n")


def messages(library: Library) -> None:
    """What is said of every faulty workflow."""
    parts = [f"# {name}\n{shown(workflow, library)}" for name, workflow in ALL_CASES.items()]
    (GOLDEN / "messages.txt").write_text("\n".join(parts))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        messages(stage(Path(folder) / "messages"))
        plans(test_compile.stage(Path(folder) / "plans"))
