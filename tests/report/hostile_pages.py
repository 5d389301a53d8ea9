"""One page of every kind, of classes and a file with hostile names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from fieldmark.compare.method_rows import build_row
from fieldmark.compare.one_run import Facts
from fieldmark.compare.runs import Run
from fieldmark.evaluation.comparison import Comparison
from fieldmark.evaluation.data_limits import DataLimit
from fieldmark.evaluation.drift import ClassShift, Drift, DriftTest, UnusualPhoto
from fieldmark.evaluation.intervals import proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.learning_curve import ClassGain, CurvePoint, LearningCurve
from fieldmark.evaluation.metrics import compute_metrics
from fieldmark.evaluation.result import Evaluation
from fieldmark.explain import PhotoEvidence
from fieldmark.guide.advice import ClassCounts
from fieldmark.guide.evidence_parts import PartShare
from fieldmark.guide.guide_photos import PredictedPhotos
from fieldmark.guide.look_alikes import find_look_alikes
from fieldmark.guide.make_guide import Guide
from fieldmark.guide.separating import Separation, Sighting
from fieldmark.recognizer.predictions import Scores
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.advice.advice_page import write_advice
from fieldmark.report.comparison.comparison_page import write_html, write_markdown
from fieldmark.report.drift.drift_page import write_drift
from fieldmark.report.evaluation import write_report
from fieldmark.report.guide.guide_page import write_guide_page
from fieldmark.structures import Record, RecordList

NAMES = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>' onfocus='alert(1)",
    "</style></title>{{ 7 * 7 }}&lt;b&gt;",
    "crow \u202egnp.exe\u2066 \\\\u003c/script>",
)
FILE = "<img src=x onerror=alert(1)>'&\u202egpj.jpg"
PAGES = ["report", "guide", "compare", "advice", "drift"]


def write_hostile_pages(root: Path, model: Path) -> dict[str, Path]:
    """Write the pages, with photos of a hostile name in a folder that no page may name.

    Args:
        root: An empty folder; the photos and pages lie in the folder ``secret folder`` inside.
        model: A model of four classes, which is copied.
    """
    folder = root / "secret folder"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / FILE)
    recognizer = Predictor(shutil.copytree(model, folder / "model"))
    recognizer.manifest.classes[:] = NAMES
    out = {name: folder / f"{name}.html" for name in PAGES}
    labels = np.arange(40) % 4
    table = np.full((40, 4), 0.02)
    table[np.arange(40), (labels + (np.arange(40) % 3 == 0)) % 4] = 0.94
    records = RecordList([Record(folder / FILE, int(label)) for label in labels], NAMES, root=folder)
    _write_report(table, records, recognizer, out["report"])
    notes = {NAMES[0]: f"</textarea>{NAMES[0]}"}
    write_guide_page(_guide(table, records), out["guide"], 10**6, subject=NAMES[0], notes=notes, model_key=NAMES[0])
    write_html(_comparison(table, records, folder), out["compare"])
    write_markdown(_comparison(table, records, folder), folder / "compare.md")
    share = proportion(3, 4)
    points = tuple(CurvePoint(count, share, count < 30) for count in (10.0, 20.0, 40.0))
    gains = tuple(ClassGain(name, 9, 0.5, share) for name in NAMES)
    curve = LearningCurve(points, share, -0.5, 0.1, gains)
    limit = DataLimit("few_photos", NAMES, f"few photos of {NAMES[0]}", "add photos")
    write_advice(curve, [limit], [f"add photos of {NAMES[0]}", NAMES[3]], NAMES[1], 40, out["advice"])
    drift = Drift(
        True, 0.05, 30, 40, (DriftTest("embedding", 0.1, 0.01, 0.02),), (0.9, 0.5), 0.2, 0.05,
        tuple(ClassShift(name, 0.2, 0.4, 0.01) for name in NAMES),
        (UnusualPhoto(str(folder / FILE), NAMES[0], 0.5, 0.1),), {str(folder / "b.jpg"): f"{folder / 'b.jpg'} is bad"},
    )  # fmt: skip
    write_drift(drift, recognizer, out["drift"])
    return out


def _write_report(table: np.ndarray, records: RecordList, recognizer: Predictor, out: Path) -> None:
    broken = Record(records.root / "broken.jpg", 0) if records.root else records[0]
    rows = np.concatenate([table, np.full((1, 4), np.nan)])
    every = records.like([*records, broken])
    scores = Scores(rows, {40: f"{broken.path} is damaged or incomplete"}, None)
    metrics = compute_metrics(table, np.array(records.labels), NAMES)
    write_report(Evaluation(metrics, every, scores, 2), recognizer, out)


def _guide(table: np.ndarray, records: RecordList) -> Guide:
    predictions = Predictions(table, np.array(records.labels))
    pairs = tuple(find_look_alikes(predictions))
    typical = tuple(tuple(records[label : label + 1]) for label in range(4))
    counts = tuple(ClassCounts(name, 30, 10, 7) for name in NAMES)
    contrast = np.array([[0.0, 1.0], [0.0, -1.0]])
    evidence = PhotoEvidence(
        path="", label="a", against="b", map=contrast, contrast=contrast, fine=contrast, score=1, offset=0, margin=1,
        margin_offset=0, size=(64, 48), frame=(8, 0, 56, 48), box=(32, 0, 56, 24), peak=(44, 12), how=NAMES[0],
    )  # fmt: skip
    sightings = tuple(Sighting(record, evidence) for record in records[:3])
    found = Separation(sightings, (), (PartShare(NAMES[0], 0.62, 0.1), PartShare("", 0.18, 0.0)), (NAMES[0],))
    tested = PredictedPhotos(records, predictions, {"test": 40}, False)
    ranks = {NAMES[0]: [NAMES[1]]}
    return Guide(tested, typical, pairs, (found,) * len(pairs), counts, ((NAMES[0],), (), (), ()), ranks)


def _comparison(table: np.ndarray, records: RecordList, folder: Path) -> Comparison:
    facts = Facts("fine_tune", {"weights": NAMES[0]}, "f", 10.0, 8.0, 2**30, 10**6, 0.8, "0.2.0")
    answers = {0: Predictions(table, np.array(records.labels))}
    base, other = (
        build_row([Run(label, 0, folder / "runs" / label, facts)], answers, known, 4)
        for label, known in (("plain", None), (NAMES[0], answers))
    )
    missing = Run(NAMES[1], 0, folder / "x", None, "failed", f"{folder / 'runs' / 'x'} is full")
    return Comparison(
        (base, other, build_row([missing], {}, answers, 4)), "plain", NAMES, (0,), {"train": 9, "test": 40},
        str(folder), {"epochs": 6}, (f"see {folder / 'x'}",),
        f"fieldmark compare '{folder}' --out=/elsewhere/out --set '{NAMES[3]}'", {"fieldmark": "0.2.0"},
        "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
