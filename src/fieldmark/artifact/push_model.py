"""Push a model to the Hugging Face Hub, with a card whose metadata hold the metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldmark.artifact.card import write_card
from fieldmark.artifact.gallery import GALLERY_FOLDER
from fieldmark.artifact.hub_access import HubName, endpoint, hub_errors, hub_library, parse_hub_name
from fieldmark.artifact.load import load_manifest, verified_file
from fieldmark.artifact.manifest import MANIFEST, Manifest
from fieldmark.errors import SettingError

__all__ = ["card_with_metadata", "push_model"]

_TEST_METRICS = {
    "top1_accuracy": ("accuracy", "top-1 accuracy"),
    "top5_accuracy": ("accuracy", "top-5 accuracy"),
    "mean_class_accuracy": ("accuracy", "mean class accuracy"),
    "macro_f1": ("f1", "macro F1"),
    "ece": ("ece", "expected calibration error"),
    "set_coverage": ("coverage", "coverage of the prediction sets"),
}
"""Figure of ``evaluate --json`` -> type and name of the metric."""


def push_model(
    folder: Path,
    repo: str,
    *,
    evaluation: Mapping[str, Any] | None = None,
    private: bool = False,
    revision: str | None = None,
    licence: str | None = None,
) -> str:
    """Upload the current generation of a model in one commit, and return the commit's id.

    The absolute path of the training photos and the feedback list do not leave the machine; names of photos in the
    split file and in the gallery do. The repository is made if there is none.

    Args:
        folder: The model folder.
        repo: ``user/name``.
        evaluation: The object of ``evaluate --json``, for the metadata of the card.
        private: Make a new repository private.
        revision: Branch to commit to; made if there is none.
        licence: Identifier of the licence, such as ``cc-by-4.0``.

    Raises:
        ModelError: The model is damaged, or the Hub refuses or cannot be reached.
        SettingError: The name is not valid, or the extra ``hub`` is not installed.
    """
    name = parse_hub_name(f"hf://{repo.removeprefix('hf://')}")
    if name is None or name.revision is not None:
        raise SettingError(f"expected a name such as user/name, but got '{repo}'; --revision names a branch")
    name = HubName(name.repo, revision)
    manifest = _shared(load_manifest(folder))
    files = {file: verified_file(folder, manifest, file) for file in manifest.checksums}
    if manifest.gallery is not None:
        table = folder / GALLERY_FOLDER / f"{manifest.gallery.table}.lance"
        files |= {path.relative_to(folder).as_posix(): path for path in sorted(table.rglob("*")) if path.is_file()}
    card = card_with_metadata(manifest, name.repo, evaluation, licence)
    texts = {MANIFEST: manifest.model_dump_json(indent=1), "README.md": card}
    hub = hub_library()
    added = [hub.CommitOperationAdd(file, path) for file, path in files.items()]
    added += [hub.CommitOperationAdd(file, text.encode("utf-8", "backslashreplace")) for file, text in texts.items()]
    api = hub.HfApi(endpoint=endpoint(), library_name="fieldmark")
    message = f"Push a model of {len(manifest.classes)} classes, generation {manifest.generation}"
    with hub_errors(name):
        api.create_repo(name.repo, private=private or None, exist_ok=True)
        if revision is not None:
            api.create_branch(name.repo, branch=revision, exist_ok=True)
        return str(api.create_commit(name.repo, added, commit_message=message, revision=revision).oid)


def card_with_metadata(
    manifest: Manifest, repo: str, evaluation: Mapping[str, Any] | None = None, licence: str | None = None
) -> str:
    """Return the model card with YAML metadata: library, licence, and the metrics as a ``model-index``.

    Args:
        manifest: Of the model.
        repo: ``user/name``.
        evaluation: The object of ``evaluate --json``; without it only the figures on val are given.
        licence: Identifier of the licence.
    """
    hub = hub_library()
    figures = [("accuracy", "top-1 accuracy", manifest.figures.get("val_top1"), "val")]
    figures.append(("ece", "expected calibration error", manifest.calibration.get("ece_after"), "val"))
    for key, (kind, title) in _TEST_METRICS.items():
        figures.append((kind, title, (evaluation or {}).get(key), "test"))
    results = [
        hub.EvalResult(
            task_type="image-classification",
            dataset_type=manifest.data.layout,
            dataset_name=manifest.data.source or manifest.data.layout,
            dataset_split=split,
            dataset_revision=manifest.data.fingerprint,
            metric_type=kind,
            metric_name=title,
            metric_value=float(value),
        )
        for kind, title, value, split in figures
        if value is not None and math.isfinite(value)
    ]
    data = hub.ModelCardData(
        library_name="fieldmark",
        license=licence,
        pipeline_tag="image-classification",
        tags=["fine-grained", "image-classification", "onnx"],
        model_name=repo.split("/")[1],
        eval_results=results or None,
    )
    use = f'```python\nimport fieldmark\n\nfieldmark.load("hf://{repo}").predict("photo.jpg")\n```'
    return f"---\n{data.to_yaml()}\n---\n{write_card(manifest)}\n## Use\n\n{use}\n"


def _shared(manifest: Manifest) -> Manifest:
    """Return the manifest without the maker's paths, the feedback list, and a gallery that lies elsewhere."""
    source = Path(manifest.data.source).name
    gallery = manifest.gallery if manifest.gallery and manifest.gallery.uri == GALLERY_FOLDER else None
    settings = manifest.settings | ({"gallery_uri": None} if "gallery_uri" in manifest.settings else {})
    data = manifest.data.model_copy(update={"source": source})
    return manifest.without_feedback().model_copy(update={"data": data, "gallery": gallery, "settings": settings})
