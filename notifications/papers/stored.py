"""The papers that mails already hold: what was sent is what is printed again (R69)."""

from datetime import datetime

from sqlalchemy import Connection, select

from notifications.catalogue import CATALOGUE
from notifications.mail import COLUMNS, Mail, read
from notifications.papers.making import papers_of
from notifications.papers.model import Paper, from_json
from notifications.surroundings import Surroundings
from notifications.tables import MAILS
from notifications.vocabulary import Kind
from notifications.wordings import Wordings


def stored_year_end_report(
    connection: Connection, year: str, here: Surroundings, wordings: Wordings, now: datetime
) -> tuple[Paper, datetime] | None:
    """The latest report of that school year (``2026-2027``) and the instant that it bears; None when there is none.

    One whose mail has its words is the attached one itself; else it is made as it would leave ``now``. Raises
    PaperUnmakeable.
    """
    reports = (MAILS.c.kind == Kind.YEAR_END_REPORT.value, MAILS.c.uai.is_(None))  # the second is an index
    rows = connection.execute(select(*COLUMNS).where(*reports).order_by(MAILS.c.id.desc()))
    for mail in map(read, rows):
        facts = CATALOGUE[mail.kind].decode(mail.context)
        if facts.year.label == year:
            return _attached(mail) or (papers_of(mail.kind, facts, here, wordings)[0], now)
    return None


def _attached(mail: Mail) -> tuple[Paper, datetime] | None:
    papers = from_json(mail.papers) if mail.papers else ()
    return (papers[0], mail.dated_at) if papers and mail.dated_at else None
