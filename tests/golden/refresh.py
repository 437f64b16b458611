"""Writes the golden plans anew; read the difference before committing it."""

import tempfile
from pathlib import Path

from graph.compile import compile_workflow
from graph.storage import import_assets, read_any
from nodes import catalogue
from tests.graph.fakes import playground
from tests.graph.test_compile import EXAMPLES, GOLDEN

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        library = playground(Path(folder))
        for path in EXAMPLES:
            workflow, _ = read_any(path)
            import_assets(workflow, library)
            compiled = compile_workflow(workflow, catalogue(), library)
            (GOLDEN / f"{path.stem}.plan").write_text(f"{compiled.plan}\n")
