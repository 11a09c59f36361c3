"""What must hold of the whole when the years are over: requests, events, removals, mails, the journal's chains."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import func, select

from notifications.outbox.store import MAILS
from tests.acceptance.simulation.calendars import OFF
from tests.acceptance.simulation.days import Story
from workflow.database.journal_tables import EVENT
from workflow.database.tables import REMOVAL, REQUEST
from workflow.journal.verification import Verifier

NOT_ON_A_DAY_OFF = ("stalled_reminder", "handover_reminder", "year_end_notice", "renewal_invitation")
WITHIN_THE_DAY = ("stalled_reminder", "handover_reminder", "late_digest")


def all_wrong(story: Story) -> list[str]:
    """Everything that does not agree with what was done, as sentences."""
    with story.machines.database.read() as connection:
        requests = {row.reference: row for row in connection.execute(select(REQUEST))}
        removals = connection.execute(select(REMOVAL)).all()
        events = connection.execute(select(EVENT.c.stream, EVENT.c.kind)).all()
        mails = connection.execute(select(MAILS)).all()
        flaws = [str(flaw) for flaw in Verifier(connection, story.machines.all[0].app.hasher).flaws()]
        years = connection.execute(select(func.count()).where(EVENT.c.kind == "year_ended")).scalar_one()
    return [
        *(f"journal: {flaw}" for flaw in flaws),
        *_requests(story, requests, Counter((event.stream, event.kind) for event in events)),
        *_removals(story, removals),
        *_mails(story, mails),
        *([] if years >= len(story.years) else [f"{years} years ended of {len(story.years)}"]),
    ]


def _requests(story: Story, requests: dict[str, Any], events: Counter[tuple[str, str]]) -> Iterator[str]:
    """Each stands where the deeds left it, by as many events, and the schedule ended it once or never (R50)."""
    lives = story.record.lives
    if set(requests) != set(lives):
        yield f"requests {sorted(set(requests) ^ set(lives))[:10]} are not those declared"
    streams: Counter[str] = Counter()
    for (stream, _), count in events.items():
        streams[stream] += count
    for reference, life in lives.items():
        row = requests[reference]
        stands = (row.state, row.version, streams[reference], events[reference, "expire"])
        should = (life.state, life.version, life.version, int(life.ended_by == "expire"))
        if stands != should:
            yield f"{reference} stands {stands} instead of {should}"
        if life.ended_by == "expire" and life.year not in story.years:
            yield f"{reference} of {life.year} should be live"


def _removals(story: Story, rows: Any) -> Iterator[str]:
    """Each task opened once, and closed by whom it was confirmed (R47, R49)."""
    stored = {row.reference: (row.kind, row.outcome is not None) for row in rows}
    should = {life.reference: (life.removal, life.removed) for life in story.record.lives.values() if life.removal}
    for reference in stored.keys() | should.keys():
        if stored.get(reference) != should.get(reference):
            yield f"removal of {reference}: {stored.get(reference)}, {should.get(reference)}"


def _mails(story: Story, mails: Any) -> Iterator[str]:
    """What left did so on the day for which it was written, which was none of rest (R78, R79); the rest waits or is
    cancelled."""
    place, almanac = story.oracle.place, story.oracle.place.almanac()
    for mail in mails:
        if mail.sent_at is None:
            if mail.stage not in ("cancelled", "pending"):
                yield f"mail {mail.id} ({mail.kind}) is {mail.stage}"
            continue
        written_on, sent = (at.astimezone(place.zoneinfo).date() for at in (mail.created_at, mail.sent_at))
        if mail.kind in WITHIN_THE_DAY and sent > written_on:
            yield f"{mail.kind} {mail.id} of {written_on} left on {sent}"
        context = json.loads(mail.context) if mail.erased_at is None else None  # older than its time (R110)
        if mail.kind == "year_end_notice" and context and str(sent) > context["year"]["last_day"]:
            yield f"notice {mail.id} left on {sent}, the year being over"
        if mail.kind in NOT_ON_A_DAY_OFF and _rests(mail.kind, almanac.kind(written_on), written_on, place):
            yield f"{mail.kind} {mail.id} was written on {written_on}, a day off"


def _rests(kind: str, day: str, written_on: date, place: Any) -> bool:
    """A notice that was missed may leave on a day off, when no other day is left before the end (R78)."""
    if kind != "year_end_notice" or day != OFF:
        return day == OFF
    last_days = [
        place.last_day(year) for year in (written_on.year - 1, written_on.year) if place.last_day(year) >= written_on
    ]
    return not last_days or any(place.almanac().between(written_on, min(last_days)))
