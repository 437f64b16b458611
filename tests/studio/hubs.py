"""A hub of models on this machine: the few things of the real one that fetching asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

TOKEN = "hf_a-token-of-the-tests"
LARGE = (".safetensors", ".bin")
"""Such files are kept apart, known by their sha256, and given out by another host."""


@dataclass
class Hub:
    """Repositories by `owner/name`, each a folder at one commit, and what goes wrong with them.

    `cut` and `spoilt` name files of which half comes, or other bytes; `asked` is what was asked.
    """

    folder: Path
    commits: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    status: int = 200
    sends: bytes | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def files(self) -> list[str]:
        """What was asked of the files, in order."""
        return [path.split("/resolve/")[1][41:] for path, _ in self.asked if "/resolve/" in path]

    def described(self, repository: str) -> dict[str, Any]:
        """What the hub tells of a repository."""
        folder = self.folder / repository
        rows = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {
            "id": repository,
            "sha": self.commits[repository],
            "tags": ["diffusers", "license:openrail++"],
            "siblings": [_sibling(path, folder) for path in rows],
        }


def _sibling(path: Path, folder: Path) -> dict[str, Any]:
    data = path.read_bytes()
    told: dict[str, Any] = {
        "rfilename": path.relative_to(folder).as_posix(),
        "size": len(data),
        "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
    }
    if path.suffix in LARGE:
        told["lfs"] = {
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "pointerSize": 134,
        }
    return told


@contextmanager
def serving(hub: Hub) -> Generator[Hub]:
    """The hub, answering on a port of this machine."""

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append((path, dict(self.headers)))
            if hub.sends is not None or hub.status != 200:
                self._send(hub.status, hub.sends or b"")
            elif path.startswith("/api/models/"):
                self._describe(path.removeprefix("/api/models/"))
            elif path.startswith("/large/"):
                self._give(path.removeprefix("/large/"))
            else:
                self._resolve(*path.strip("/").split("/resolve/"))

        def _describe(self, asked: str) -> None:
            repository, _, revision = asked.partition("/revision/")
            if repository not in hub.commits:
                self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif revision not in ("main", "v1", hub.commits[repository]):
                self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            else:
                self._send(200, json.dumps(hub.described(repository)).encode())

        def _resolve(self, repository: str, rest: str) -> None:
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            file = f"{repository}/{rest[41:]}"
            if repository in hub.gated and not known:
                self._send(403 if self.headers.get("Authorization") else 401, b"{}", {
                    "X-Error-Code": "GatedRepo"
                })  # fmt: skip
            elif Path(rest).suffix in LARGE:
                there = f"http://localhost:{hub.port}/large/{quote(file)}"
                self._send(302, b"", {"Location": there})
            else:
                self._give(file)

        def _give(self, file: str) -> None:
            data = (hub.folder / file).read_bytes()
            name = Path(file).name
            if name in hub.spoilt:
                data = data[:-1] + bytes([data[-1] ^ 1])
            whole = len(data)
            said = self.headers.get("Range", "bytes=0-")
            first, _, last = said.removeprefix("bytes=").partition("-")
            part = last or first != "0"
            data = data[int(first) : int(last or whole) + 1]
            if name in hub.cut:
                data = data[: len(data) // 2]
            through = min(int(last or whole), whole - 1)
            headers = {"Content-Range": f"bytes {first}-{through}/{whole}"} if part else {}
            self._send(206 if part else 200, data, headers)

        def _send(self, status: int, data: bytes, more: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (more or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
