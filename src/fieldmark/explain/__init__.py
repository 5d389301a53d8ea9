"""Evidence maps: where in a photo the evidence for an answer lies."""

from fieldmark.explain.evidence import PhotoEvidence

__all__ = ["PhotoEvidence"]
