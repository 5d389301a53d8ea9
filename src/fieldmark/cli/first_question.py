"""Tell that a command is about the first question of a model that answers several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldmark.recognizer.predictor import Predictor

__all__ = ["say_first_question"]


def say_first_question(recognizer: Predictor, what: str) -> None:
    """Print a line to stderr if the model answers several questions.

    Args:
        recognizer: The model.
        what: What is about the first question only, such as "the guide".
    """
    from fieldmark.progress import say

    if recognizer.further:
        others = ", ".join(f"'{one.question}'" for one in recognizer.further)
        say(f"{what} is about '{recognizer.question}', the first question of this model, not about {others}")
