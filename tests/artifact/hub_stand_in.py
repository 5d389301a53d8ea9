"""A local stand-in of the Hub's HTTP interface: what `huggingface_hub` asks for to push and fetch a model."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Hub:
    """Repositories in memory: name -> branch or commit -> path -> content."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.heads: dict[str, dict[str, str]] = {}
        self.fetched: list[str] = []
        self.url = ""

    def commit(self, repo: str, branch: str, files: dict[str, bytes]) -> str:
        held = {**self.at(repo, branch), **files}
        commit = hashlib.sha1(repr(sorted((k, hashlib.sha1(v).digest()) for k, v in held.items())).encode()).hexdigest()
        self.repos.setdefault(repo, {})[commit] = held
        self.heads.setdefault(repo, {})[branch] = commit
        return commit

    def resolve(self, repo: str, revision: str) -> str | None:
        head = self.heads.get(repo, {}).get(revision, revision)
        return head if head in self.repos.get(repo, {}) else None

    def at(self, repo: str, revision: str) -> dict[str, bytes]:
        commit = self.resolve(repo, revision)
        return {} if commit is None else self.repos[repo][commit]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub on a free port of loopback."""
    hub = Hub()

    class Handler(_Handler):
        held = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    held: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _, query = unquote(self.path).partition("?")
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            repo, revision = match[1], match[2] or "main"
            if not self._known(repo, revision):
                return
            files = [{"rfilename": name} for name in self.held.at(repo, revision)]
            commit = self.held.resolve(repo, revision)
            self._send(
                200, {"id": repo, "modelId": repo, "sha": commit, "siblings": files, "private": False, "tags": []}
            )
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)/?", path):
            if not self._known(match[1], match[2]):
                return
            files = self.held.at(match[1], match[2])
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            self._send(200, entries)
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if not self._known(match[1], match[2]):
                return
            content = self.held.at(match[1], match[2]).get(match[3])
            if content is None:
                return self._error(404, "EntryNotFound", "Entry not found")
            if self.command == "GET":
                self.held.fetched.append(match[3])
            headers = {
                "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
                "X-Repo-Commit": self.held.resolve(match[1], match[2]) or "",
            }
            self._reply(200, content, headers)
        else:
            self._error(404, "", f"no such path {path}?{query}")

    def do_POST(self) -> None:
        path = unquote(self.path).partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or 'user'}/{asked['name']}"
            if self.headers.get("Authorization") is None:
                return self._error(401, "", "Invalid username or password.")
            if repo in self.held.heads:
                return self._send(409, {"url": f"{self.held.url}/{repo}"})
            self.held.commit(repo, "main", {})
            self._send(200, {"url": f"{self.held.url}/{repo}", "name": repo, "id": repo})
        elif path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/branch/(.+)", path):
            self.held.heads[match[1]].setdefault(match[2], self.held.heads[match[1]]["main"])
            self._send(200, {})
        elif re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/(.+)", path):
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            self._send(200, {"files": files})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", path):
            lines = [json.loads(line) for line in body.splitlines() if line]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            commit = self.held.commit(match[1], match[2], files)
            url = f"{self.held.url}/{match[1]}/commit/{commit}"
            self._send(200, {"commitUrl": url, "commitOid": commit, "success": True})
        else:
            self._error(404, "", f"no such path {path}")

    def _known(self, repo: str, revision: str) -> bool:
        if repo not in self.held.heads:
            self._error(404, "RepoNotFound", "Repository not found")
        elif self.held.resolve(repo, revision) is None:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            return True
        return False

    def _error(self, status: int, code: str, message: str) -> None:
        self._reply(status, json.dumps({"error": message}).encode(), {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: Any) -> None:
        self._reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
