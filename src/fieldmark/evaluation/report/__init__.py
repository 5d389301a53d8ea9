"""An evaluation as one page that a person can check."""

from fieldmark.evaluation.report.write import write_report

__all__ = ["write_report"]
