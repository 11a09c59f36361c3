"""The papers that go with mails: the charter, the hand-over slip, the year-end report, as accessible PDFs (R69)."""

from notifications.papers.compiling import compile_paper
from notifications.papers.making import blank_charter, charter, handover_slip, papers_of, year_end_report
from notifications.papers.model import Paper, PaperName, PaperUnmakeable, from_json, to_json
from notifications.papers.sources import charter_version, check_charter

__all__ = [
    "Paper",
    "PaperName",
    "PaperUnmakeable",
    "blank_charter",
    "charter",
    "charter_version",
    "check_charter",
    "compile_paper",
    "from_json",
    "handover_slip",
    "papers_of",
    "to_json",
    "year_end_report",
]
