"""A local stand-in for the hub: files under `models` and `datasets`, served as the hub serves them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import pytest

NOWHERE = "http://127.0.0.1:9"
"""Where nothing listens."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Where it listens, what it has, and what it was asked."""

    files: dict[str, Path] = field(default_factory=dict)
    """By the path in the address: ``datasets/OWNER/NAME/clip.mp4``, ``OWNER/NAME/config.json``."""
    asked: list[str] = field(default_factory=list)
    commit: str = COMMIT
    url: str = ""

    def give(self, repository: str, folder: Path) -> None:
        """Serve every file of a folder as a repository (``datasets/OWNER/NAME`` or ``OWNER/NAME``)."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[f"{repository}/{path.relative_to(folder).as_posix()}"] = path


@contextmanager
def hub() -> Iterator[Hub]:
    """Serve until the end of the block."""
    served = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            served.asked.append(f"{self.command} {path}")
            repository, _, rest = path.partition("/resolve/")
            revision, _, file = rest.partition("/")
            found = served.files.get(f"{repository}/{file}")
            if found is None or revision not in ("main", served.commit):
                known = any(name.startswith(f"{repository}/") for name in served.files)
                code = "EntryNotFound" if known else "RepoNotFound"
                code = "RevisionNotFound" if known and revision not in ("main", served.commit) else code
                self.say(404, json.dumps({"error": code}).encode(), {"X-Error-Code": code}, body=body)
                return
            content = found.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": served.commit}
            self.say(200, content, headers, body=body)

        def say(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def reach(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make the hub's own library look for the hub there."""
    from huggingface_hub import constants, file_download

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    for module in (constants, file_download):  # before 1.0 the latter has a name of its own for it
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
