"""Write the model card: what people must know before they rely on the model."""

from __future__ import annotations

from fieldmark.artifact.manifest import Manifest
from fieldmark.artifact.markdown import as_code, as_text
from fieldmark.backbones.licence_terms import forbids_commercial_use
from fieldmark.uncertainty.conformal import coverage_band, photos_needed

__all__ = ["write_card"]

_INDEPENDENCE = {
    "val": "no weight or temperature was chosen on them",
    "out_of_fold": "each is scored by a head that did not learn from it, nor from its group",
}


def write_card(manifest: Manifest) -> str:
    """Return the card as Markdown."""
    data, calibration = manifest.data, manifest.calibration
    photos = ", ".join(f"{count} {as_text(split)}" for split, count in data.photos.items())
    lines = [
        f"# A recognizer of {len(manifest.classes)} classes",
        "",
        f"Made by Fieldmark {as_text(manifest.fieldmark)} with {as_code(manifest.method)}, "
        f"seed {as_text(manifest.settings.get('seed'))}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| photos | {photos}; {data.left_out} left out |",
        *([f"| corrections | {data.corrections} of the train photos |"] if data.corrections else []),
        f"| layout | {as_text(data.layout)} |",
        f"| data fingerprint | {as_text(data.fingerprint)} |",
    ]
    for facts in manifest.members:
        backbone, size = facts.options.get("backbone"), facts.preprocess.image_size
        lines.append(f"| member | {as_code(facts.method)} on {as_text(backbone)}, {size} px, {facts.views} view(s) |")
        for name, licence in facts.weights_licences.items():
            limit = ": no commercial use" if forbids_commercial_use(licence) else ""
            lines.append(f"| licence of the pretrained weights | {as_text(name)}: {as_text(licence)}{limit} |")
    if manifest.questions:
        lines.append(f"| questions | {', '.join(map(as_text, manifest.question_names))} |")
    lines += [f"| top-1 {where} | {value:.3f} |" for where, value in _accuracies(manifest)]
    if {"ece_before", "ece_after"} <= calibration.keys():
        before, after = calibration["ece_before"], calibration["ece_after"]
        lines.append(f"| calibration error (ECE) on val, before and after | {before:.3f}, {after:.3f} |")
    lines += _promises(manifest)
    lines += [f"| enrolled | {as_text(each.label)}, from {each.photos} photo(s) |" for each in manifest.enrolled]
    for name in manifest.question_names[1:]:
        lines += _question(manifest.asking(name))
    lines += ["", "The fit did not read the test split. `fieldmark evaluate` reads it.", "", "## Log of the fit", ""]
    lines += [f"- {as_text(step)}" for step in manifest.steps]
    if manifest.advice:
        lines += ["", "## What limits the accuracy", "", *(f"- {as_text(line)}" for line in manifest.advice)]
    lines += ["", "## Classes", "", ", ".join(map(as_text, manifest.classes)), "", "## Limits", ""]
    lines += [
        _unknowns(manifest),
        "Confidence was calibrated on photos like the training photos. It is only valid for such photos.",
    ]
    return "\n".join(lines) + "\n"


def _question(manifest: Manifest) -> list[str]:
    """Return the table of a further question."""
    photos = ", ".join(f"{count} {as_text(split)}" for split, count in manifest.data.photos.items())
    return [
        "",
        f"## Question: {as_text(manifest.label_name)}",
        "",
        "| | |",
        "| --- | --- |",
        f"| photos with a label | {photos} |",
        f"| classes | {', '.join(map(as_text, manifest.classes))} |",
        *(f"| top-1 {where} | {value:.3f} |" for where, value in _accuracies(manifest)),
        *_promises(manifest),
    ]


def _accuracies(manifest: Manifest) -> list[tuple[str, float]]:
    """Return where the accuracy was measured, and its value."""
    named = {"out_of_fold_top1": "in cross-validation", "val_top1": "on val"}
    if "val" in manifest.data.learned:
        del named["val_top1"]
    found = ((where, manifest.figures.get(name)) for name, where in named.items())
    return [(where, value) for where, value in found if value is not None]


def _promises(manifest: Manifest) -> list[str]:
    """Return table rows about the guarantees of the calibration set."""
    scaling, facts = manifest.scaling, manifest.guarantees
    chosen = scaling.kind if scaling else "temperature"
    rows = [f"| calibration | {chosen} scaling |"] if manifest.calibration else []
    if facts is None:
        return rows
    band = coverage_band(facts.band_photos, facts.coverage)
    if band is None:
        promise = f"none at {facts.coverage:.0%}: that needs {photos_needed(facts.coverage)} calibration photos"
    else:
        promise = f"{facts.score_in_words}; contain the correct class for at least {facts.coverage:.0%} of such photos"
    rows.append(f"| prediction sets | {promise} |")
    rows.append(f"| calibration set | {facts.photos_in_words}; {_INDEPENDENCE[facts.rests_on]} |")
    if facts.contradiction is not None:
        rows.append(f"| why not out-of-fold scores | {as_text(facts.contradiction)} |")
    if band is not None:
        chance = f"with so many calibration photos, chance alone puts it between {band[0]:.0%} and {band[1]:.0%}"
        rows.append(f"| true coverage | {chance} |")
    if facts.target_accuracy is not None:
        rows.append(f"| target accuracy of answers at their rank | {facts.target_accuracy:.0%} |")
    return rows


def _unknowns(manifest: Manifest) -> str:
    facts = manifest.unknown
    if facts is None:
        return "Every answer is one of these classes, also for photos of anything else."
    return (
        f"Photos of other classes are detected with the score {as_code(facts.score)}, at a threshold that keeps "
        f"{facts.kept:.0%} of known photos. Unseen look-alikes are often not detected."
    )
