"""The open-set decision of a photo does not depend on the photos beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldmark import Recognizer


def test_scores_do_not_depend_on_the_batch(fitted: Path) -> None:
    recognizer, random = Recognizer(fitted), np.random.default_rng(0)
    decide, width = recognizer.open_set, recognizer.open_set.width
    logits = random.standard_normal((33, len(recognizer.classes))).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    embeddings = random.standard_normal((33, width or 0)).astype(np.float32)
    together = decide(probabilities, logits, embeddings)
    for size in (1, 2, 16):
        for start in range(0, 33 - size, size):
            rows = slice(start, start + size)
            part = decide(probabilities[rows], logits[rows], embeddings[rows])
            assert part.known_scores is not None
            assert together.known_scores is not None
            np.testing.assert_array_equal(part.known_scores, together.known_scores[rows])
            np.testing.assert_array_equal(
                part.unknown, together.unknown[rows] if together.unknown is not None else None
            )
