"""Time predictions, one model after another, and only while nothing else uses the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["MAX_OTHER_CORES", "busy_seconds", "milliseconds_alone", "time_models"]

MAX_OTHER_CORES = 0.1
"""Most cores that other programs may use, on average, while a model is timed."""

_TIMED_PHOTOS = 48
_REPEATS = 3
_STAT = Path("/proc/stat")


def time_models(folders: Mapping[str, Path], photos: RecordList) -> tuple[dict[str, float], str | None]:
    """Return label -> milliseconds for each photo, from the file to probabilities with ONNX Runtime.

    The models are timed one after another in this process, when no fit runs any more. A model beside which other
    programs used the machine has no time: its number would depend on them.

    Args:
        folders: Label -> model folder.
        photos: Photos of train or val.

    Returns:
        The times, and a sentence for the reader if some are missing.
    """
    times: dict[str, float] = {}
    for label, folder in folders.items():
        found = milliseconds_alone(Predictor(folder, device="cpu"), photos)
        if found is not None:
            times[label] = found
    missing = len(folders) - len(times)
    if not missing:
        return times, None
    reason = "other programs used the machine" if busy_seconds() is not None else "this system does not report its load"
    return (
        times,
        f"no time of a prediction is given for {missing} of {len(folders)} rows: {reason} while they were timed",
    )


def milliseconds_alone(
    recognizer: Predictor, photos: RecordList, busy: Callable[[], float | None] | None = None
) -> float | None:
    """Return the fastest of several passes over the same few photos, in milliseconds for each photo.

    Args:
        recognizer: The model.
        photos: At least one photo; the first 48 are used.
        busy: Processor seconds of the whole machine so far; by default `busy_seconds`.

    Returns:
        None if other programs used more than `MAX_OTHER_CORES` meanwhile, or if the system does not report it.
    """
    busy = busy or busy_seconds
    few = photos[:_TIMED_PHOTOS]
    recognizer.scores(few, "warming up")
    all_before, own_before, started = busy(), time.process_time(), time.perf_counter()
    seconds = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        recognizer.scores(few, "timing predictions")
        seconds.append(time.perf_counter() - begun)
    all_after, own, wall = busy(), time.process_time() - own_before, time.perf_counter() - started
    if all_before is None or all_after is None or all_after - all_before - own > MAX_OTHER_CORES * wall + _tick():
        return None
    return 1000 * min(seconds) / len(few)


def busy_seconds() -> float | None:
    """Return the processor seconds that all programs of this machine have used; None where it is not reported.

    From the first line of Linux's /proc/stat: user, nice, system, irq, softirq and steal, without idle and iowait.
    """
    try:
        ticks = [int(word) for word in _STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    if len(ticks) < 8:
        return None
    user, nice, system, _, _, irq, softirq, steal = ticks
    return (user + nice + system + irq + softirq + steal) * _tick()


def _tick() -> float:
    return 1 / float(os.sysconf("SC_CLK_TCK"))
