"""The example in ``deploy/``: its lists of requirements are enough, and its commands work. No image is built."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
IMPORTS = {"scikit-learn": "sklearn", "pillow": "PIL", "imagehash": "imagehash", "python-multipart": "python_multipart"}

_BLOCK = """
import importlib.abc, json, sys
blocked, arguments = json.loads(sys.argv[1]), sys.argv[2:]
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
sys.argv = ["fieldmark", *arguments]
from fieldmark.cli.main import main
main()
"""


def _requirements(file: Path) -> dict[str, Requirement]:
    found = {}
    for line in file.read_text().splitlines():
        if line.startswith("-r "):
            found |= _requirements(file.parent / line[3:])
        elif line and not line.startswith("#"):
            found[Requirement(line).name] = Requirement(line)
    return found


def _own() -> dict[str, Requirement]:
    """Dependencies of the package and of its extra ``serve``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *project["optional-dependencies"]["serve"]]
    return {Requirement(text).name: Requirement(text) for text in texts}


def _blocked(file: str) -> str:
    """Import names of everything that a list leaves out, as JSON."""
    left_out = _own().keys() - _requirements(DEPLOY / file).keys()
    names = {IMPORTS.get(name, name.replace("-", "_")) for name in left_out}
    assert {"torch", "torchvision", "timm", "lightning", "sklearn", "scipy", "matplotlib"} <= names
    return json.dumps(sorted(names))


def _without(file: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", _BLOCK, _blocked(file), *map(str, arguments)]


@pytest.mark.parametrize("file", ["requirements-predict.txt", "requirements-serve.txt"])
def test_the_lists_agree_with_the_package(file: str) -> None:
    own = _own()
    for name, requirement in _requirements(DEPLOY / file).items():
        assert str(requirement) == str(own[name])


def test_answers_without_pytorch_are_the_same(fitted: Path, birds: Path, command: Callable[..., Any]) -> None:
    photos = sorted(birds.rglob("*.jpg"))[:3]
    small = subprocess.run(
        _without("requirements-predict.txt", "predict", fitted, *photos, "--json"), capture_output=True, text=True
    )
    assert small.returncode == 0, small.stderr
    assert small.stdout == command("predict", fitted, *photos, "--json").out


def test_what_a_small_install_cannot_do_is_said_in_a_sentence(fitted: Path, birds: Path, tmp_path: Path) -> None:
    arguments = ("fit", birds, "--out", tmp_path / "model", "--method", "linear_probe")
    done = subprocess.run(_without("requirements-predict.txt", *arguments), capture_output=True, text=True)
    assert done.returncode == 2
    assert re.fullmatch(
        r"fieldmark: this command needs the package \w+, but a small install leaves it out; "
        r"run 'pip install fieldmark' for all commands",
        done.stderr.strip().splitlines()[-1],
    )


def _instruction(name: str) -> str:
    """The last instruction of the Dockerfile with that name, on one line."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")][-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_and_the_health_check_of_the_image(fitted: Path, birds: Path) -> None:
    """Both run as the Dockerfile writes them, with another port, and without what the image leaves out."""
    port = _free_port()
    command = [str(fitted) if word == "/model" else word for word in json.loads(_instruction("CMD"))]
    command = [str(port) if word == "8000" else "127.0.0.1" if word == "0.0.0.0" else word for word in command]
    health = json.loads(_instruction("HEALTHCHECK").partition("CMD")[2])
    health = [sys.executable, *(word.replace(":8000", f":{port}") for word in health[1:])]
    assert json.loads(_instruction("ENTRYPOINT")) == ["fieldmark"]
    assert subprocess.run(health, capture_output=True).returncode != 0
    server = subprocess.Popen(_without("requirements-serve.txt", *command), stderr=subprocess.PIPE, text=True)
    try:
        while subprocess.run(health, capture_output=True).returncode != 0:
            assert server.poll() is None, server.stderr and server.stderr.read()
            time.sleep(0.2)
        photo = {"photo": next(birds.rglob("*.jpg")).read_bytes()}
        refused = httpx.post(f"http://127.0.0.1:{port}/v1/explain", files=photo, timeout=120)
        assert refused.status_code == 409
        assert re.fullmatch(
            r"evidence needs the package \w+, which this server's install leaves out: "
            r"run 'pip install fieldmark' there",
            refused.json()["error"],
        )
    finally:
        server.terminate()
        server.wait()


def test_the_image_is_not_root_and_installs_what_the_lists_name() -> None:
    assert _instruction("USER") == "10001"
    assert _instruction("VOLUME") == "/model"
    install = _instruction("RUN")
    assert "-r /requirements/requirements-serve.txt" in install
    assert "--no-deps /wheels/*.whl" in install
    assert subprocess.run(["sh", "-n", "-c", install]).returncode == 0
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in shlex.split(line)[1:-1]:
                assert (ROOT / source).exists()


def test_compose_publishes_only_the_proxy() -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML to read compose.yaml")
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = content["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    server = services["fieldmark"]
    assert (DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert server["read_only"]
    assert all(volume.endswith(":ro") for volume in server["volumes"])
    assert services["proxy"]["depends_on"] == {"fieldmark": {"condition": "service_healthy"}}
    assert "reverse_proxy fieldmark:8000" in (DEPLOY / "Caddyfile").read_text()
    assert set(server["environment"]) == {"FIELDMARK_SERVE_ALLOW_HOST"}


def test_the_host_of_compose_is_an_option_of_serve() -> None:
    environment = {**os.environ, "FIELDMARK_SERVE_ALLOW_HOST": "birds.example.org *.example.net"}
    code = (
        "import typer; from fieldmark.cli.main import app\n"
        "command = typer.main.get_command(app)\n"
        "with command.make_context('fieldmark', ['serve', 'm'], auto_envvar_prefix='FIELDMARK') as outer:\n"
        "    inner = command.get_command(outer, 'serve').make_context('serve', ['m'], parent=outer)\n"
        "    print(inner.params['allow_host'])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['birds.example.org', '*.example.net']"
