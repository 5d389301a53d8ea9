"""An evaluation as one page that a person can check."""

from fieldmark.report.evaluation.evaluation_page import write_report

__all__ = ["write_report"]
