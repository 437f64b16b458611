"""The program as other programs call it: gradio_client, plain HTTP and MCP, on a real server."""

import asyncio
import io
import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from studio.page import MCP
from studio.piece import load
from tests.studio.documents import TWO

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = json.loads((ROOT / "assets/workflows/first-light.json").read_text())


@pytest.fixture(scope="module")
def client(address, tmp_path_factory):
    return Client(address, download_files=str(tmp_path_factory.mktemp("got")), verbose=False)


def pixels(path):
    return np.asarray(Image.open(path))


def posted(address, data):
    """The last event of a call over plain HTTP: its name and its data."""
    call = urllib.request.Request(
        f"{address}gradio_api/call/run",
        json.dumps({"data": data}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call, timeout=120) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{call.full_url}/{event}", timeout=120) as answer:
        text = answer.read().decode()
    name, said = re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)[-1]
    return name, json.loads(said)


def test_the_one_public_endpoint_has_typed_inputs(client):
    told = client.view_api(return_format="dict")["named_endpoints"]
    assert list(told) == ["/run"]
    types = {each["parameter_name"]: each["type"] for each in told["/run"]["parameters"]}
    assert list(types) == ["workflow", "settings", "seed", "count", "performance"]
    assert types["workflow"]["type"] == "object"
    assert {"type": "integer"} in types["seed"]["oneOf"]


def test_a_workflow_that_ships_is_called_as_it_is(client):
    (path,), told = client.predict(workflow=SHIPPED, seed=11, api_name="/run")
    made = load(path)
    assert made.workflow.title == SHIPPED["title"]
    assert pixels(path).shape == (128, 128, 3)
    assert told["seed"] == 11
    assert [list(move) for move in made.performance.moves] == told["performance"]


def test_settings_and_count_are_replaced(client):
    settings = {"a.reliability": 0.0, "sampler.steps": 3}
    job = client.submit(workflow=TWO, settings=settings, count=3, api_name="/run")
    paths, told = job.result()
    assert len(paths) == 3
    assert "a" not in told["share"]
    steps = [each["step"] for _, each in job.outputs() if "step" in each]
    assert steps == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"workflow": {"chorale": 1, "nodes": []}}, "G009 The workflow has no output"),
        ({"workflow": TWO, "settings": {"a.reliability": 99}}, "S006 "),
        ({"workflow": TWO, "seed": "seven"}, "S005 "),
        ({"workflow": "no workflow"}, "W002 A workflow is an object"),
    ],
)
def test_what_is_wrong_is_said_in_sentences(client, address, call, sentence):
    with pytest.raises(AppError) as refused:
        client.predict(**call, api_name="/run")
    assert sentence in str(refused.value)
    assert "Traceback" not in str(refused.value)
    data = [call.get(name) for name in ("workflow", "settings", "seed", "count", "performance")]
    name, said = posted(address, data)
    assert name == "error"
    assert sentence in said["error"]


def test_plain_http_plays_a_workflow(address):
    name, (files, told) = posted(address, [TWO, None, 5, 1, None])
    assert name == "complete"
    with urllib.request.urlopen(files[0]["url"], timeout=60) as answer:
        assert Image.open(io.BytesIO(answer.read())).size[0] > 0
    assert told["seed"] == 5


def test_the_documented_calls_are_true(address, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/sharing.md").read_text().replace("http://127.0.0.1:7860/", address)
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = {}
    exec(compile(program, "docs/sharing.md", "exec"), found)
    assert (len(found["pictures"]), found["told"]["seed"]) == (2, 7)
    (call,) = re.findall(r"^```sh\n(run=.*?)^```", page, re.MULTILINE | re.DOTALL)
    ran = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True)
    files, told = json.loads(ran.stdout.strip().split("data: ")[-1])
    assert (len(files), told["seed"]) == (1, 7)


def test_the_page_itself_is_no_endpoint(client):
    with pytest.raises(ValueError, match="play"):
        client.predict(TWO, api_name="/play")


def test_the_mcp_server_has_the_run_as_a_tool(mcp_address):
    async def ask():
        async with (
            streamable_http_client(f"{mcp_address}gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            (tool,) = (await session.list_tools()).tools
            made = await session.call_tool(tool.name, {"workflow": TWO, "seed": 3})
            refused = await session.call_tool(tool.name, {"workflow": {"chorale": 1}})
            return tool, made, refused

    # in a thread of its own: browser stories leave a loop running in this one
    with ThreadPoolExecutor(1) as thread:
        tool, made, refused = thread.submit(lambda: asyncio.run(ask())).result()
    assert tool.name == "run"
    assert tool.inputSchema["required"] == ["workflow"]
    assert "fader moves" in tool.inputSchema["properties"]["performance"]["description"].lower()
    assert not made.isError
    (url,) = set(re.findall(r"http://\S+?\.png", made.content[0].text))
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert Image.open(io.BytesIO(answer.read())).format == "PNG"
    assert refused.isError
    assert "G009 The workflow has no output" in refused.content[0].text


@pytest.fixture
def mcp_address(studio):
    with studio("--mcp") as address:
        yield address


def test_without_its_package_the_mcp_server_says_what_to_install():
    program = (
        "import sys; sys.modules['mcp'] = None; sys.argv[1:] = ['--mcp'];"
        "import app; sys.exit(app.main(sys.argv[1:]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    said = "P003 The MCP server needs the package mcp, which is not installed."
    assert ran.stderr.strip() == f"{said} Install it: pip install {MCP}"


def test_the_extra_is_written_down_once_for_all():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["mcp"] == [MCP]
    assert MCP in (ROOT / "tests/requirements.txt").read_text().splitlines()
