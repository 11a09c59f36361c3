"""What the software writes of its own accord, day after day (R78 to R81); called at each tick, it acts once a day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from notifications.mailer import Mailer
from workflow.duties import digest, invitations, notices, occurrences, reminders
from workflow.duties.passing import Page, Today, walk
from workflow.engine import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class DutiesDone:
    """How many mails a call has made: to how many establishments an end was announced, and so on."""

    notices: int = 0
    reminders: int = 0
    invitations: int = 0
    digests: int = 0

    def __add__(self, other: "DutiesDone") -> "DutiesDone":
        return DutiesDone(
            notices=self.notices + other.notices, reminders=self.reminders + other.reminders,
            invitations=self.invitations + other.invitations, digests=self.digests + other.digests,
        )  # fmt: skip


class Duties:
    """The daily passes. Any number of nodes may make the same one at once: each mail is still made once."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine = engine
        self._mailer = mailer

    def run(self) -> DutiesDone:
        """Make the passes of the day that are not whole yet; one query when they all are, none before the hour.

        Raises DatabaseBusy, DatabaseUnreachable: what is left is made at the next call.
        """
        today = Today(now=self._engine.clock.now(), policy=self._engine.policy)
        done = DutiesDone()
        if not today.has_begun:
            return done
        invited = invitations.due(today)
        keys = [*notices.keys_to_ask(today), *self._keys_of_day(today)]
        keys += [invitations.key(invited)] if invited else []
        if not keys:
            return done
        with self._engine.database.read() as connection:
            marked = occurrences.among(connection, keys)
        for end, notice in notices.due(today, marked):
            page = notices.page(self._mailer, end, notice, today)
            done += DutiesDone(notices=self._walk(page, today, [notices.key(end, one) for one in notice.before]))
        if invited and invitations.key(invited) not in marked:
            page = invitations.page(invited, today)
            done += DutiesDone(invitations=self._walk(page, today, [invitations.key(invited)]))
        for key in self._keys_of_day(today):
            if key not in marked:
                done += self._of_day(key, today)
        return done

    def _keys_of_day(self, today: Today) -> Iterator[str]:
        """The passes that each day has of its own: reminders on a school day, the digest on a working day."""
        if today.policy.days.is_school_day(today.day):
            yield reminders.key(today.day)
        if today.policy.days.is_working_day(today.day):
            yield digest.key(today.day)

    def _of_day(self, key: str, today: Today) -> DutiesDone:
        if key == digest.key(today.day):
            return DutiesDone(digests=self._walk(digest.page(self._mailer, today), today, [key]))
        stalled, handover = (reminders.page(matter, today) for matter in reminders.MATTERS)
        made = self._walk(stalled, today, []) + self._walk(handover, today, [key])
        return DutiesDone(reminders=made)

    def _walk(self, page: Page, today: Today, keys: Sequence[str]) -> int:
        return walk(self._engine.database, self._mailer, page, today, keys)
