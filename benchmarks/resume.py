"""Kill a fine-tune at random moments, continue it with --resume, and compare the model with that of an unbroken fit.

Each kill falls into a fit of its own, after a random part of the time that the unbroken fit took. The fit is then
continued to its end. All files that the manifest names by their content must be those of the unbroken fit: graph,
weights, split, calibration and open-set tables.

    python benchmarks/resume.py --kills 20 --state resume.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from kill import CONTEXT, PRELOAD, start

from fieldmark.artifact.load import load_manifest
from fieldmark.atomic import atomic_file
from fieldmark.fit import RUN_FILE, run_folder
from fieldmark_synth import synthesize


def fit(data: Path, model: Path) -> list[str | Path]:
    """Arguments of the fine-tune."""
    return ["fit", data, "--out", model, "--method", "fine_tune", "--image-size", "32", "--epochs", "6"]


def killed(arguments: list[str | Path], cache: Path, seconds: float) -> bool:
    """Start the command and kill it after some seconds; False if it ended before."""
    process = start(arguments, cache)
    process.join(seconds)
    if not process.is_alive():
        return False
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    return True


def main() -> None:
    """Print how many continued fits gave the files of the unbroken one, by what the kill had left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="file for the counts, from which the same command continues")
    options = parser.parse_args()
    CONTEXT.set_forkserver_preload(PRELOAD)
    held = options.state is not None and options.state.exists()
    found: Counter[str] = Counter(json.loads(options.state.read_text(encoding="utf-8")) if held else {})
    draw = random.Random(options.seed + found.total())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as after Ctrl-C, the folder is deleted
    with tempfile.TemporaryDirectory(prefix="fieldmark-resume-") as folder:
        root = Path(folder)
        data, cache = root / "birds", root / "cache"
        synthesize(data, 3, 10, "folder", 0, 64)
        start(fit(data, root / "warm"), cache).join()
        began = time.monotonic()
        start(fit(data, root / "unbroken"), cache).join()
        seconds = time.monotonic() - began
        expected = load_manifest(root / "unbroken").checksums
        model = root / "model"
        while found.total() < options.kills:
            if killed(fit(data, model), cache, draw.uniform(0.1, 1.0) * seconds) and not model.is_dir():
                run = run_folder(model)
                left = "checkpoint" if (run / "last.ckpt").is_file() else "run" if run.is_dir() else "nothing"
                resume = ["--resume"] if (run / RUN_FILE).is_file() else []
                process = start([*fit(data, model), *resume], cache)
                process.join()
                if process.exitcode != 0:
                    sys.exit(f"the fit could not be continued after a kill that left {left}")
                same = load_manifest(model).checksums == expected
                found[f"{left}, {'the same' if same else 'other'} files"] += 1
                if options.state is not None:
                    with atomic_file(options.state) as draft:
                        draft.write_text(json.dumps(found), encoding="utf-8")
            shutil.rmtree(model, ignore_errors=True)
            shutil.rmtree(run_folder(model), ignore_errors=True)
    print("| the kill left | kills |\n| --- | --- |")
    for left, count in sorted(found.items()):
        print(f"| {left} | {count} |")


if __name__ == "__main__":
    main()
