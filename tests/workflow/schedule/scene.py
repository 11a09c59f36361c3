"""A world with days off and a clock at nine in the morning: what the tests of the duties look at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from notifications.messages.catalogue import CATALOGUE
from notifications.ports import set_crash_hook
from notifications.vocabulary import Kind
from states import commands as c
from states.school_calendar import SchoolCalendar, SchoolDays, SchoolYear
from tests.kit.system import PARIS, System, nom_of
from workflow.database.tables import ESTABLISHMENT
from workflow.schedule.tick import DailyJobs, DailyMails

DAYS = SchoolDays(
    holidays={
        SchoolYear(2026): ((date(2026, 10, 17), date(2026, 11, 1)), (date(2027, 7, 3), date(2027, 8, 31))),
        SchoolYear(2027): ((date(2027, 10, 23), date(2027, 11, 7)),),
    },
    days_off=frozenset({date(2026, 9, 21)}),
)
CALENDAR = SchoolCalendar(
    timezone=PARIS, rentrees={SchoolYear(year): date(year, 9, 1) for year in (2026, 2027, 2028)}
)  # fmt: skip


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).astimezone(UTC)


def settle(system: System, **timetable: Any) -> System:
    """Give the world its days off, and another timetable."""
    known = replace(system.policy, calendar=CALENDAR, days=DAYS)
    system.policy = replace(known, timetable=replace(known.timetable, **timetable))
    system.restart()
    return system


def duties(system: System) -> DailyJobs:
    return DailyJobs(system.engine, system.mailer)


def run(system: System, day: date, hour: int = 9) -> DailyMails:
    """The passes of a day."""
    system.clock.set(at(day, hour))
    return duties(system).run()


def each_day(system: System, first: date, last: date, stopped: Callable[[date], bool] = lambda _: False) -> DailyMails:
    """The passes of each day, but those on which the service is stopped."""
    done, day = DailyMails(), first
    while day <= last:
        if not stopped(day):
            done += run(system, day)
        day += timedelta(days=1)
    return done


def declared(system: System, number: int = 1, uai: str = "0310001H", chef: str = "chef A") -> str:
    command = c.Declare(uai=uai, nom=nom_of(number), prenom="Anne", mail=f"anne{number}@ac-toulouse.fr")
    return system.accept(command, chef).reference


def declared_elsewhere(system: System, number: int) -> str:
    """A request of a school of its own, made new for it."""
    uai = f"032{number:04d}X"
    row = {"uai": uai, "nom": f"Collège {uai}", "kind": "", "commune": "", "departement": "32",
           "mailbox": f"ce.{uai.lower()}@ac-toulouse.fr", "is_open": True, "is_listed": True}  # fmt: skip
    with system.database.write() as connection:
        connection.execute(insert(ESTABLISHMENT), [row])
    system.actors[uai] = replace(system.actors["chef A"], establishments=frozenset({uai}))
    return declared(system, number, uai, uai)


def change_school(system: System, uai: str, **values: Any) -> None:
    """What an import does: ``mailbox=None``, ``is_open=False``."""
    with system.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).values(values))


def mail_days(system: System, kind: str) -> list[date]:
    """The académie's days on which the mails of a kind were made."""
    return sorted(mail.created_at.astimezone(PARIS).date() for mail in system.mails(kind))


def facts(mail: Any) -> Any:
    return CATALOGUE[Kind(mail.kind)].decode(mail.context)


class Killed(BaseException):
    """What a kill does at a crash point."""


@contextmanager
def killed_at(point: str, passes: int = 0) -> Iterator[None]:
    """Kill the body when it has passed this point ``passes`` times already."""
    passes_left = [passes]

    def hook(name: str) -> None:
        if name == point:
            if not passes_left[0]:
                raise Killed
            passes_left[0] -= 1

    set_crash_hook(hook)
    try:
        yield
    except Killed:
        pass
    else:
        raise AssertionError(f"{point} was not reached")
    finally:
        set_crash_hook(None)
