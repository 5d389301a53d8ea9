"""An evaluation as one page that a person can check."""

from fieldmark.report.evaluation.write_evaluation import write_report

__all__ = ["write_report"]
