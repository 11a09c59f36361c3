"""References: ``ODA-2027-00042`` bears the year in which the school year ends, and a number without holes."""

from sqlalchemy import Connection, insert, select, update

from states.school_year import SchoolYear
from workflow import tables
from workflow.rows import table_of

COUNTER = table_of(tables.Counter)


def reference_of(year: SchoolYear, number: int) -> str:
    return f"ODA-{year.end_year}-{number:05d}"


def next_reference(connection: Connection, year: SchoolYear) -> str:
    """The next reference of a school year; the counter's row is the lock until the transaction ends."""
    mine = COUNTER.c.school_year == str(year)
    raised = connection.execute(update(COUNTER).where(mine).values(last=COUNTER.c.last + 1))
    if raised.rowcount == 0:
        connection.execute(insert(COUNTER), [{"school_year": str(year), "last": 1}])
    last = connection.execute(select(COUNTER.c.last).where(mine)).scalar_one()
    return reference_of(year, last)
