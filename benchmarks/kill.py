"""Kill commands at random moments, and count in which state they leave a model and what a reader sees meanwhile.

Each kill runs one command (a fit of frozen features, a fine-tune, enroll, unenroll, export, guide or
evaluate --report) on one model folder and sends SIGKILL: half of the time after a random part of the time that the
command took when nobody killed it, half of the time within 0.3 s after it began to write its result. A reader process
opens the model all the time. After each kill the model must load and answer, with the generation from before or the
next one. Pages, rows and exported files must be absent or whole. Commands that end before the kill are not counted.

The commands are forked from a process that has imported the libraries, so that kills do not fall into imports. The
pictures are drawn and small, so that 500 kills take minutes. With --state the counts are written to a file after each
kill; the same command continues from them.

    python benchmarks/kill.py --kills 500 --state kills.json
    python benchmarks/kill.py --kills 60 --only enroll,unenroll
"""

from __future__ import annotations

import argparse
import contextlib
import json
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
from fieldmark.atomic import atomic_file
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

CHANGES = ("fit", "fine-tune", "enroll", "unenroll")
"""Commands that change the model; the others write beside it."""


def commands(data: Path, model: Path, out: Path, photos: list[Path]) -> dict[str, list[str | Path]]:
    """Arguments of each command that is killed."""
    fit: list[str | Path] = ["fit", data, "--out", model, "--image-size", "32", "--method"]
    return {
        "fit": [*fit, "linear_probe"],
        "fine-tune": [*fit, "fine_tune", "--epochs", "1"],
        "enroll": ["enroll", model, "--label", "new", *photos],
        "unenroll": ["unenroll", model, "--label", "new"],
        "export": ["export", model, "--out", out / "model.onnx"],
        "guide": ["guide", model, "--out", out / "guide.html", "--pairs", "3", "--photos", "2"],
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
        time.sleep(0.5)  # leave processor time to the commands


def is_whole(path: Path) -> bool:
    """Whether an output is complete."""
    if path.suffix == ".onnx":
        return bool(load(path).classes)
    text = path.read_text(encoding="utf-8")
    return text.rstrip().endswith("</html>") if path.suffix == ".html" else text.endswith("\n")


def applies(name: str, enrolled: bool) -> bool:
    """Whether the command changes something in this state."""
    return (name != "enroll" or not enrolled) and (name != "unenroll" or enrolled)


def killed(process: ForkServerProcess, draw: random.Random, seconds: float, place: Path) -> bool:
    """Kill the command at a random moment; False if it ended before.

    Args:
        process: The command.
        draw: Of the moment.
        seconds: Time that the command needs.
        place: Folder in which the command writes its result.
    """
    moment = draw.uniform(0.1, 1.05) * seconds
    if draw.random() < 0.5:
        before = place.stat().st_mtime_ns
        while process.is_alive() and place.stat().st_mtime_ns == before:
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


def restored(state: Path | None, names: list[str]) -> tuple[dict[str, Counter[str]], int, int]:
    """Counts of an earlier run: by command and state, the reader's answers, and its failures."""
    if state is None or not state.exists():
        return {name: Counter() for name in names}, 0, 0
    held = json.loads(state.read_text(encoding="utf-8"))
    return {name: Counter(held["kills"].get(name, {})) for name in names}, held["reads"], held["failures"]


def remember(state: Path | None, results: dict[str, Counter[str]], reads: int, failures: int) -> None:
    """Write the counts."""
    if state is not None:
        with atomic_file(state) as draft:
            draft.write_text(json.dumps({"kills": results, "reads": reads, "failures": failures}), encoding="utf-8")


def main() -> None:
    """Print a table: command, kills, old state, new state, neither."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--only", help="names of commands, with commas")
    parser.add_argument("--state", type=Path, help="file for the counts, from which the same command continues")
    options = parser.parse_args()
    CONTEXT.set_forkserver_preload(PRELOAD)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as after Ctrl-C, the folder is deleted
    with tempfile.TemporaryDirectory(prefix="fieldmark-kill-") as folder:
        root = Path(folder)
        synthesize(root / "birds", 3, 10, "folder", 0, 64)
        photos = sorted((root / "birds").rglob("*.jpg"))[:2]
        model, cache = root / "model", root / "cache"
        every = commands(root / "birds", model, root, photos)
        wanted = options.only.split(",") if options.only else list(every)
        results, read_before, failed_before = restored(options.state, wanted)
        draw = random.Random(options.seed + sum(map(Counter.total, results.values())))
        start(every["fit"], cache).join()
        reads, failures = CONTEXT.Value("l", read_before), CONTEXT.Value("l", failed_before)
        reader = CONTEXT.Process(target=read_without_end, args=(model, photos[0], reads, failures), daemon=True)
        reader.start()
        seconds = dict.fromkeys(wanted, 3.0)
        while sum(map(Counter.total, results.values())) < options.kills:
            if time.monotonic() - began > 60 * options.minutes:
                break
            before = load(model)
            name = draw.choice([each for each in wanted if applies(each, "new" in before.classes)])
            started = time.monotonic()
            process = start(every[name], cache)
            if killed(process, draw, seconds[name], model if name in CHANGES else root):
                results[name][outcome(model, before.manifest.generation, photos[0], root)] += 1
                remember(options.state, results, reads.value, failures.value)
            elif process.exitcode == 0:
                seconds[name] = time.monotonic() - started
            else:
                sys.exit(f"{name} failed with {process.exitcode}, although nobody killed it")
            seconds[name] *= 1.1  # until it ends once before the kill
        reader.kill()
        print_table(results, reads.value, failures.value)


if __name__ == "__main__":
    main()
