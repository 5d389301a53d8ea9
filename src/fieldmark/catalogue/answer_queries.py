"""Answers to queries in their order, and to the photos that arrive in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fieldmark.catalogue.queries import Query
from fieldmark.catalogue.watch_folder import Arrival, FolderWatch
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Box

__all__ = ["AnswerLevels", "answer_arrivals", "answer_queries"]


@dataclass(frozen=True, slots=True)
class AnswerLevels:
    """Options of the answers; see `Predictor.answers`."""

    top_k: int = 5
    coverage: float | None = None
    target_accuracy: float | None = None
    box: Box | None = None

    def answers(self, predictor: Predictor, photos: Sequence[Query | Path]) -> Iterator[Answer]:
        """Yield an answer for each photo; a query must have a photo."""
        inputs = [photo.photo if isinstance(photo, Query) else photo for photo in photos]
        return predictor.answers(
            [one for one in inputs if one is not None],
            top_k=self.top_k,
            coverage=self.coverage,
            target_accuracy=self.target_accuracy,
            box=self.box,
        )


def answer_queries(
    predictor: Predictor, queries: Sequence[Query], levels: AnswerLevels
) -> Iterator[tuple[Query, Answer]]:
    """Yield each query with its answer. A query without a photo gets its error."""
    answers = levels.answers(predictor, [one for one in queries if one.photo is not None])
    for query in queries:
        if query.photo is None:
            yield query, Answer(query.name or None, error=query.error)
        else:
            yield query, replace(next(answers), path=query.name)


def answer_arrivals(
    watch: FolderWatch,
    answer: Callable[[Sequence[Path]], Iterator[Answer]],
    *,
    interval: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[Arrival, Answer | None]]:
    """Yield each photo that arrives in a folder with its answer, without end.

    A photo counts as answered when the next one is asked for. A photo that cannot be read yet is tried again until it
    has been unchanged for a while. Photos that an earlier run answered come with None.

    Args:
        watch: The folder.
        answer: Returns answers for several photos.
        interval: Seconds between two looks at the folder.
        sleep: Waits for that many seconds.
    """
    while True:
        arrivals = watch.ready()
        for arrival in (one for one in arrivals if one.answered):
            yield arrival, None
            watch.done(arrival)
        fresh = [one for one in arrivals if not one.answered]
        for arrival, found in zip(fresh, answer([one.path for one in fresh]), strict=True):
            if found.error is None or arrival.is_final:
                yield arrival, found
                watch.done(arrival)
        sleep(interval)
