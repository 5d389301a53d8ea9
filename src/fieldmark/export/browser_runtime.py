"""Find onnxruntime-web: in a folder that the user names, in the cache, or through npm."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fieldmark.atomic import atomic_folder
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.errors import SettingError

__all__ = ["RUNTIME_FILES", "RUNTIME_VERSION", "fetch_runtime", "find_runtime"]

RUNTIME_VERSION = "1.30.0"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The script, the loader of the WebAssembly module, and the module."""

_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
_PLACES = ("", "dist", "package/dist", "node_modules/onnxruntime-web/dist")
_SECONDS = 300


def find_runtime(folder: Path | None) -> Path:
    """Return a folder with `RUNTIME_FILES`.

    Args:
        folder: Where the user has them: a folder with the files, the unpacked package, or a folder with
            ``node_modules``. For None, they come from the cache, or through npm.

    Raises:
        SettingError: They are not there, or npm is not installed or cannot fetch them.
    """
    if folder is None:
        kept = cache_root() / "onnxruntime-web" / RUNTIME_VERSION
        return kept if _holds(kept) else fetch_runtime(kept)
    for place in _PLACES:
        if _holds(folder / place):
            return folder / place
    raise SettingError(
        f"--ort-web {folder} holds no onnxruntime-web ({RUNTIME_FILES[0]} and {RUNTIME_FILES[2]}): name the folder "
        "'dist' of that npm package"
    )


def fetch_runtime(out: Path) -> Path:
    """Fetch the package with npm, check its content, and keep `RUNTIME_FILES` in a folder.

    Raises:
        SettingError: npm is not installed, cannot fetch it, or another package came.
    """
    package = f"onnxruntime-web@{RUNTIME_VERSION}"
    npm = shutil.which("npm")
    if npm is None:
        raise SettingError(
            f"an export for the browser needs {package}, and npm, which fetches it, is not installed: install npm, or "
            "name a folder with the package with --ort-web"
        )
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", package, "--ignore-scripts", "--silent", "--pack-destination", scratch]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS, cwd=scratch)
        except (OSError, subprocess.SubprocessError) as error:
            raise SettingError(
                f"npm cannot fetch {package} ({_reason(error)}): go online once, or name a folder with the package "
                "with --ort-web"
            ) from error
        (archive,) = Path(scratch).glob("*.tgz")
        _unpack(archive, package, out)
    return out


def _unpack(archive: Path, package: str, out: Path) -> None:
    content = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != _SHA512:
        raise SettingError(f"npm fetched another content for {package} than was published: check its registry")
    with tarfile.open(archive) as packed, atomic_folder(out) as draft:
        for name in RUNTIME_FILES:
            held = packed.extractfile(f"package/dist/{name}")
            assert held is not None
            (draft / name).write_bytes(held.read())


def _holds(folder: Path) -> bool:
    return all((folder / name).is_file() for name in RUNTIME_FILES)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {error.returncode}"
    return str(error)
