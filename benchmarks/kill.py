"""Kill commands at random moments, and count in which state they leave a model and what a reader sees meanwhile.

Each kill runs one command (a fit of frozen features, a fine-tune, enroll, unenroll, export, guide or
evaluate --report) on one model folder and sends SIGKILL: half of the time after a random part of the time that the
command took when nobody killed it, half of the time within 0.3 s after it began to write. A reader process opens the
model all the time. After each kill the model must load and answer, with the generation from before or the next one.
Pages, rows and exported files must be absent or whole. Commands that end before the kill are not counted.

The commands are forked from a process that has imported the libraries, so that kills do not fall into imports.

    python benchmarks/kill.py --kills 500
    python benchmarks/kill.py --kills 60 --only enroll,unenroll
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from fieldmark import load
from fieldmark_synth import synthesize

CONTEXT = multiprocessing.get_context("forkserver")
PRELOAD = [
    "fieldmark.cli.main",
    "fieldmark.fit",
    "fieldmark.api",
    "torch",
    "timm",
    "sklearn.svm",
    "lancedb",
    "onnxruntime",
]


def commands(data: Path, model: Path, out: Path, photos: list[Path]) -> dict[str, list[str | Path]]:
    """Arguments of each command that is killed."""
    fit: list[str | Path] = ["fit", data, "--out", model, "--image-size", "64", "--method"]
    return {
        "fit": [*fit, "linear_probe"],
        "fine-tune": [*fit, "fine_tune", "--epochs", "1"],
        "enroll": ["enroll", model, "--label", "new", *photos],
        "unenroll": ["unenroll", model, "--label", "new"],
        "export": ["export", model, "--out", out / "model.onnx"],
        "guide": ["guide", model, "--out", out / "guide.html"],
        "evaluate": ["evaluate", model, "--report", out / "report.html", "--rows", out / "rows.csv"],
    }


def run(arguments: list[str | Path], cache: Path) -> None:
    """Run the command in a process group of its own, so that its workers are killed with it."""
    from fieldmark.cli.main import main

    os.setsid()
    os.environ["FIELDMARK_CACHE"] = str(cache)
    sys.argv = ["fieldmark", "-q", *map(str, arguments)]
    main()


def start(arguments: list[str | Path], cache: Path) -> ForkServerProcess:
    """Run the command beside this process."""
    process = CONTEXT.Process(target=run, args=(arguments, cache))
    process.start()
    return process


def read_without_end(model: Path, photo: Path, reads: Synchronized[int], failures: Synchronized[int]) -> None:
    """Open the model and answer, again and again."""
    while True:
        try:
            assert load(model).predict(photo).candidates
            reads.value += 1
        except Exception as error:
            failures.value += 1
            print(f"  reader: {error}", flush=True)
        time.sleep(0.2)


def is_whole(path: Path) -> bool:
    """Whether an output is complete."""
    if path.suffix == ".onnx":
        return bool(load(path).classes)
    text = path.read_text(encoding="utf-8")
    return text.rstrip().endswith("</html>") if path.suffix == ".html" else text.endswith("\n")


def applies(name: str, enrolled: bool) -> bool:
    """Whether the command changes something in this state."""
    return (name != "enroll" or not enrolled) and (name != "unenroll" or enrolled)


def killed(process: ForkServerProcess, draw: random.Random, seconds: float, places: tuple[Path, ...]) -> bool:
    """Kill the command at a random moment; False if it ended before."""
    moment = draw.uniform(0.1, 1.05) * seconds
    if draw.random() < 0.5:
        before = [place.stat().st_mtime_ns for place in places]
        while process.is_alive() and before == [place.stat().st_mtime_ns for place in places]:
            time.sleep(0.002)
        moment = draw.uniform(0.0, 0.3)
    process.join(moment)
    if not process.is_alive():
        return False
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError):  # killed before it had a group of its own
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    return True


def outcome(model: Path, before: int, photo: Path, root: Path) -> str:
    """Which state a killed command left."""
    try:
        recognizer = load(model)
        assert recognizer.predict(photo).candidates
        assert recognizer.search(photo)
        assert all(is_whole(path) for path in root.glob("[!.]*.*") if path.is_file())
    except Exception as error:
        print(f"  {type(error).__name__}: {error}", flush=True)
        return "neither"
    return {0: "old", 1: "new"}.get(recognizer.manifest.generation - before, "neither")


def print_table(results: dict[str, Counter[str]], reads: int, failures: int) -> None:
    """Print the counts as Markdown."""
    print("| command | kills | old | new | neither |\n| --- | --- | --- | --- | --- |")
    for name, found in [*results.items(), ("all", sum(results.values(), Counter[str]()))]:
        print(f"| {name} | {found.total()} | {found['old']} | {found['new']} | {found['neither']} |")
    print(f"the reader opened the model {reads} times and failed {failures} times", flush=True)


def main() -> None:
    """Print a table: command, kills, old state, new state, neither."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--only", help="names of commands, with commas")
    options = parser.parse_args()
    CONTEXT.set_forkserver_preload(PRELOAD)
    draw, began = random.Random(options.seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fieldmark-kill-") as folder:
        root = Path(folder)
        synthesize(root / "birds", 4, 12, "folder", 0, 96)
        photos = sorted((root / "birds").rglob("*.jpg"))[:2]
        model, cache = root / "model", root / "cache"
        every = commands(root / "birds", model, root, photos)
        wanted = options.only.split(",") if options.only else list(every)
        start(every["fit"], cache).join()
        reads, failures = CONTEXT.Value("l", 0), CONTEXT.Value("l", 0)
        reader = CONTEXT.Process(target=read_without_end, args=(model, photos[0], reads, failures), daemon=True)
        reader.start()
        results: dict[str, Counter[str]] = {name: Counter() for name in wanted}
        seconds = dict.fromkeys(wanted, 3.0)
        while sum(map(Counter.total, results.values())) < options.kills:
            if time.monotonic() - began > 60 * options.minutes:
                break
            before = load(model)
            name = draw.choice([each for each in wanted if applies(each, "new" in before.classes)])
            started = time.monotonic()
            process = start(every[name], cache)
            if killed(process, draw, seconds[name], (model, root)):
                results[name][outcome(model, before.manifest.generation, photos[0], root)] += 1
            elif process.exitcode == 0:
                seconds[name] = time.monotonic() - started
            else:
                sys.exit(f"{name} failed with {process.exitcode}, although nobody killed it")
            seconds[name] *= 1.1  # until it ends once before the kill
        reader.kill()
        print_table(results, reads.value, failures.value)


if __name__ == "__main__":
    main()
