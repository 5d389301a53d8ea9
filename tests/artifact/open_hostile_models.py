"""Open every hostile model in this one process, under limits of memory and time, and print what came of each.

Usage: python open_hostile_models.py FOLDER. It prints JSON: name -> error class, message, seconds of CPU, and the MiB
that the process grew by.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from pathlib import Path

from hostile_models import BASE, hostile_models

MEMORY, SECONDS = 4 * 1024**3, 300


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(place: Path) -> None:
    from fieldmark import load

    load(shutil.copytree(BASE, place / "good")).split()
    damages = hostile_models()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    outcome = {}
    for number, (name, (damage, _)) in enumerate(damages.items()):
        folder = shutil.copytree(BASE, place / str(number), symlinks=True)
        damage(folder)
        before, start = _peak(), time.process_time()
        kind, message = "", ""
        try:
            load(folder).split()
        except Exception as error:
            kind, message = type(error).__name__, str(error)
        outcome[name] = (kind, message.replace(str(folder), "MODEL"), time.process_time() - start, _peak() - before)
        shutil.rmtree(folder)
    json.dump(outcome, sys.stdout)


main(Path(sys.argv[1]))
