"""List every package that Fieldmark needs, with version and licence, from what is installed. No network is used.

Exits with 1 if a licence is not permissive and the package is not on the list of stated exceptions.

Usage: python tools/licences.py [EXTRA ...]        such as: python tools/licences.py serve heic
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXCEPTIONS = {
    "certifi": "MPL-2.0: a list of certificates, used unchanged",
    "tqdm": "MPL-2.0 and MIT: used unchanged",
    "pathspec": "MPL-2.0: used unchanged, by developers only",
    "pi-heif": "LGPL-3.0: the optional extra heic; its libraries are used unchanged and can be exchanged",
    "hypothesis": "MPL-2.0: used unchanged, by developers only",
}
"""Packages whose licence is not permissive, and why they may be used."""

CONTAINED = {
    "axe-playwright-python": "contains axe-core, MPL-2.0: tests use it unchanged; Fieldmark does not distribute it",
}
"""Packages with a permissive licence that contain a work with another licence, and why they may be used.

Only developers may need them.
"""

NVIDIA = "proprietary: comes with the Linux wheels of torch for GPUs; the CPU wheels of torch do not need it"
_OF_NVIDIA = ("nvidia-", "cuda-")

_PERMISSIVE = re.compile(
    r"\b(MIT(-0|-CMU)?|BSD|[0-3]-Clause|0BSD|Apache|ISC|PSF|Python-2\.0|Python Software Foundation|CNRI-Python|Zlib|"
    r"HPND|Unlicense|CC0|BSL-1\.0|NCSA|libtiff|FreeType|Historical Permission Notice)",
    re.IGNORECASE,
)
_COPYLEFT = re.compile(r"\b(A?GPL|LGPL|General Public|MPL|Mozilla|EPL|EUPL|SSPL|CDDL|proprietary)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Package:
    """A package that is installed."""

    name: str
    version: str
    licence: str

    @property
    def is_permissive(self) -> bool:
        """Whether the licence is permissive; of alternatives, one is enough."""
        alternatives = re.split(r"\s+OR\s+", self.licence.strip("() "))
        return any(
            _PERMISSIVE.search(text) and not _COPYLEFT.search(_without_exceptions(text)) for text in alternatives
        )


def licence_of(found: Distribution) -> str:
    """Return the licence that a package states: its SPDX expression, or else its classifiers, or else its text."""
    stated = found.metadata.get("License-Expression")
    if stated:
        return stated
    classifiers = [line for line in found.metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    names = [line.rpartition("::")[2].strip() for line in classifiers if not line.endswith("OSI Approved")]
    first = (found.metadata.get("License") or "").strip().partition("\n")[0]
    if first == "UNKNOWN":
        first = ""
    return " AND ".join(names) or first or _licence_file(found) or "none stated"


def _licence_file(found: Distribution) -> str:
    """Return the first words of the licence text that lies in the package; empty if there is none."""
    for file in found.files or []:
        if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
            return " ".join(file.read_text(encoding="utf-8").split()[:4])
    return ""


def packages(name: str, extras: Iterable[str] = ()) -> Iterator[Package]:
    """Yield all packages that a package needs here, without itself; those that are not installed are left out."""
    waiting, seen = [(name, frozenset(extras))], set()
    while waiting:
        wanted, its_extras = waiting.pop()
        if (canonicalize_name(wanted), its_extras) in seen:
            continue
        seen.add((canonicalize_name(wanted), its_extras))
        try:
            found = distribution(wanted)
        except PackageNotFoundError:
            continue
        if canonicalize_name(wanted) != canonicalize_name(name):
            yield Package(canonicalize_name(wanted), found.version, licence_of(found))
        for line in found.requires or []:
            needed = Requirement(line)
            environments = [{"extra": extra} for extra in its_extras or {""}]
            if needed.marker is None or any(needed.marker.evaluate(each) for each in environments):
                waiting.append((needed.name, frozenset(needed.extras)))


def exception(name: str) -> str:
    """Return why a package may be used although a licence is not permissive; empty if there is no exception."""
    return (EXCEPTIONS | CONTAINED).get(name, NVIDIA if name.startswith(_OF_NVIDIA) else "")


def main(extras: list[str]) -> int:
    """Print the list, and return the exit code."""
    found = sorted(set(packages("fieldmark", extras)), key=lambda each: each.name)
    bad = [each for each in found if not each.is_permissive and not exception(each.name)]
    for each in found:
        stated = "" if each.is_permissive and each.name not in CONTAINED else exception(each.name)
        note = "NOT PERMISSIVE" if each in bad else stated
        print(f"{each.name:32} {each.version:16} {each.licence}" + (f"  [{note}]" if note else ""))
    print(f"{len(found)} packages, {len(bad)} of them with a licence that is not permissive", file=sys.stderr)
    return 1 if bad else 0


def _without_exceptions(text: str) -> str:
    """Leave out linking exceptions, under which a compiler's runtime may be used by any program."""
    return re.sub(r"\S*GPL\S* WITH \S*exception\S*", "", text, flags=re.IGNORECASE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
