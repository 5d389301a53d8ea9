"""A model that is loaded again when it changes on disk."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from fieldmark.artifact.manifest import MANIFEST
from fieldmark.recognizer.predictor import Predictor
from fieldmark.serve.freed_memory import return_freed_memory

__all__ = ["FollowedModel"]

logger = logging.getLogger(__name__)

_SECONDS = 1.0  # between two looks
_LOOKS = 30  # until freed memory returns to the system


class FollowedModel:
    """The newest state of a model that could be loaded.

    Args:
        model: A model folder or an exported file.

    Attributes:
        recognizer: That state. It is replaced as a whole, so a request keeps the one that it took.
        trouble: Why the state on disk cannot be loaded; empty if nothing is wrong.

    Raises:
        ModelError: The model cannot be loaded.
    """

    def __init__(self, model: Path) -> None:
        self._file = model / MANIFEST if model.is_dir() else model
        self._model = model
        self._loading = threading.Lock()
        self._stopped = threading.Event()
        self._seen = self._stamp()
        self.recognizer = Predictor(model)
        self.trouble = ""

    def start(self, warm: Callable[[Predictor], object]) -> None:
        """Look for changes once a second in a thread.

        Args:
            warm: Called with a new recognizer before it answers.
        """
        threading.Thread(target=self._watch, args=(warm,), name="fieldmark-follow", daemon=True).start()

    def stop(self) -> None:
        """Stop looking for changes."""
        self._stopped.set()

    def reload(self, warm: Callable[[Predictor], object] = lambda _: None) -> None:
        """Load the model again if it has changed.

        Raises:
            ModelError: The new state cannot be loaded; the old one goes on answering.
        """
        with self._loading:
            stamp = self._stamp()
            if stamp is None or stamp == self._seen:
                self.trouble = "" if stamp else "the model on disk is gone"
                return
            recognizer = Predictor(self._model)
            warm(recognizer)
            self.recognizer, self._seen, self.trouble = recognizer, stamp, ""

    def _watch(self, warm: Callable[[Predictor], object]) -> None:
        for look in itertools.count(1):
            if self._stopped.wait(_SECONDS):
                return
            if look % _LOOKS == 0:
                return_freed_memory()
            before = self.recognizer
            try:
                self.reload(warm)
            except Exception as error:  # a server must not die of a model that is damaged
                if not self.trouble:
                    logger.warning(f"still answering from generation {before.manifest.generation}: {error}")
                self.trouble = "the model on disk cannot be loaded"
            if self.recognizer is not before:
                logger.info(f"answering from generation {self.recognizer.manifest.generation} of {self._model}")

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes when the file is replaced; None if it is not there."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
