"""The model card: what a person should know before trusting the model."""

from __future__ import annotations

from fieldmark.artifact.manifest import Manifest

__all__ = ["write_card"]


def write_card(manifest: Manifest) -> str:
    """The card as Markdown."""
    data, calibration = manifest.data, manifest.calibration
    photos = ", ".join(f"{count} {split}" for split, count in data.photos.items())
    lines = [
        f"# A recognizer of {len(manifest.classes)} classes",
        "",
        f"Made by Fieldmark {manifest.fieldmark} with `{manifest.method}`, seed {manifest.settings.get('seed')}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| photos | {photos}; {data.left_out} left out |",
        f"| layout | {data.layout} |",
        f"| data fingerprint | `{data.fingerprint}` |",
    ]
    for facts in manifest.members:
        backbone, size = facts.options.get("backbone"), facts.preprocess.image_size
        lines.append(f"| member | `{facts.method}` on {backbone}, {size} px, {facts.views} view(s) |")
    if manifest.figures.get("val_top1") is not None:
        lines.append(f"| top-1 on val | {manifest.figures['val_top1']:.3f} |")
    if calibration:
        before, after = calibration["ece_before"], calibration["ece_after"]
        lines.append(f"| calibration error (ECE) on val, before and after | {before:.3f}, {after:.3f} |")
    lines += _promises(manifest)
    lines += [f"| enrolled | {newcomer.label}, from {newcomer.photos} photo(s) |" for newcomer in manifest.enrolled]
    lines += ["", "The test split was not opened. `fieldmark evaluate` opens it.", "", "## How it came about", ""]
    lines += [f"- {step}" for step in manifest.steps]
    lines += ["", "## Classes", "", ", ".join(manifest.classes), "", "## Limits", ""]
    lines += [
        _unknowns(manifest),
        "Confidence was calibrated on photos like those it was trained on and holds for such photos only.",
    ]
    return "\n".join(lines) + "\n"


def _promises(manifest: Manifest) -> list[str]:
    """What held-out photos vouch for, as rows."""
    scaling, trust = manifest.scaling, manifest.trust
    chosen = scaling.kind if scaling else "temperature"
    rows = [f"| calibration | {chosen} scaling |"] if manifest.calibration else []
    if trust is None:
        return rows
    needed = round(1.0 / (1.0 - trust.coverage), 9) - 1
    if trust.photos >= needed:
        promise = f"by {trust.score_in_words}, hold the truth for at least {trust.coverage:.0%} of such photos"
    else:
        promise = f"none at {trust.coverage:.0%}: that takes {needed:.0f} held-out photos"
    rows.append(f"| candidate sets | {promise} |")
    rows.append(f"| held out for that | {trust.photos} val photos; no weight or temperature was chosen by them |")
    if trust.confidence is not None:
        rows.append(f"| answers climb to a rank | that is right {trust.confidence:.0%} of the time |")
    return rows


def _unknowns(manifest: Manifest) -> str:
    facts = manifest.unknown
    if facts is None:
        return "Every answer is one of these classes: a photo of anything else gets one of them too."
    return (
        f"A photo of something else is called unknown by its score `{facts.score}`, at a threshold that keeps "
        f"{facts.kept:.0%} of known photos; look-alikes that it never saw often pass."
    )
