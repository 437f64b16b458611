import subprocess
import sys

import app

HEAVY = ("torch", "diffusers", "transformers")


def modules_after(statement):
    program = f"import sys; {statement}; print(*sorted(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_showing_the_page_loads_no_torch():
    loaded = modules_after(
        "import app, studio.page, studio.session; studio.page.build(studio.session.Session())"
    )
    assert "gradio" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_entry_alone_loads_nothing():
    assert modules_after("import app").isdisjoint({*HEAVY, "gradio"})


def test_arguments_are_handed_to_the_command_line(capsys):
    assert app.main(["nodes"]) == 0
    assert "text_expert" in capsys.readouterr().out
