"""Where on a photo the evidence for an answer lies."""

from fieldmark.recognizer.evidence.evidence import Evidence

__all__ = ["Evidence"]
