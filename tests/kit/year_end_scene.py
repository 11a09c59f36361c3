"""A small académie whose school year ends: requests in several states, and what is odd among them.

All stands in 2026-2027, which ends on 31 August 2027 at 24:00 in Paris; the schedule runs each month of it.
"""

import shutil
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from notifications.outbox.store import MAILS
from notifications.vocabulary import CODE_KINDS
from states import commands as c
from states.school_calendar import SchoolYear
from states.vocabulary import Change, Channel, CheckOutcome, RevokeReason
from tests.kit.clock import FakeClock
from tests.kit.folders import lasting_folder
from tests.kit.installation import OPERATOR, make_installation
from workflow.app import App, bootstrap
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.engine.engine import Done
from workflow.settings.loader import load_settings

ENDED, RUNNING = SchoolYear(2025), SchoolYear(2026)
SPRING = datetime(2026, 5, 11, 8, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)
OVER = datetime(2027, 8, 31, 22, 0, tzinfo=UTC)
"""The instant at which 2026-2027 is over."""
LAST_DAY = date(2027, 8, 31)
FULL, BARE, CLOSED = "0310001H", "0310002J", "0320001X"
"""An establishment with two requests, one that lost its mailbox, one that closed."""
REFERENCES = {
    FULL: ("ODA-2027-00001", "ODA-2027-00002"), BARE: ("ODA-2027-00003",), CLOSED: ("ODA-2027-00004",),
}  # fmt: skip


def open_app(folder: Path, url: str, clock: FakeClock) -> App:
    """A new installation, opened at the clock's time."""
    config = make_installation(folder, url, clock)
    return bootstrap(load_settings(config), {}, clock=clock, database=Database(url))


@cache
def _filled() -> Path:
    folder = lasting_folder("oda-ending-")
    clock = FakeClock(SPRING)
    app = open_app(folder, f"sqlite:///{folder / 'oda.sqlite'}", clock)
    fill(app, clock)
    with app.database.engine.connect() as connection:
        connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    app.close()
    return folder


def filled_folder(folder: Path, clock: FakeClock) -> App:
    """The installation on SQLite that ``fill`` leaves, made once and copied, opened in autumn."""
    shutil.copytree(_filled(), folder, dirs_exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace(str(_filled()), str(folder)))
    clock.set(AUTUMN)
    return bootstrap(load_settings(config), {}, clock=clock)


def fill(app: App, clock: FakeClock) -> None:
    """Live a year: a removal of 2025-2026 stays open, four requests of 2026-2027 are live, three of them odd."""
    with app.database.write() as connection:
        for uai, departement in ((FULL, "031"), (BARE, "031"), (CLOSED, "032")):
            school = {"uai": uai, "nom": f"Collège {uai}", "commune": "Auch", "departement": departement}
            connection.execute(insert(ESTABLISHMENT), [school | {"mailbox": f"ce.{uai.lower()}@ac-toulouse.fr"}])
    clock.set(SPRING)
    revoked = issue(app, FULL, "Ancienne", ENDED, SPRING.date())
    do(app, c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE))
    clock.set(AUTUMN)
    declare(app, FULL, "Déclarée", RUNNING)
    for uai, nom in ((FULL, "Émise"), (BARE, "Perdue"), (CLOSED, "Signalée")):
        issue(app, uai, nom, RUNNING, AUTUMN.date())
    [reference] = REFERENCES[CLOSED]
    do(app, c.ReportChange(reference=reference, change=Change.ABSENCE, effective_on=AUTUMN.date()), CLOSED)
    _make_odd(app)


def _make_odd(app: App) -> None:
    [lost] = REFERENCES[BARE]
    kinds = [kind.value for kind in CODE_KINDS]
    with app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == BARE).values(mailbox=None))
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == CLOSED).values(is_open=False))
        code = (MAILS.c.reference == lost, MAILS.c.kind.in_(kinds))
        connection.execute(update(MAILS).where(*code).values(stage="dead", next_attempt_at=None))


def tick_monthly(app: App, clock: FakeClock) -> None:
    """The schedule runs from autumn to the eve of the end, so that nothing holds the year's end."""
    for month in (*range(11, 13), *range(1, 9)):
        clock.set(datetime(2026 if month > 10 else 2027, month, 15, tzinfo=UTC))
        app.ticker.tick()


def declare(app: App, uai: str, nom: str, year: SchoolYear) -> str:
    mail = f"{nom}.{uai}@ac-toulouse.fr".lower().replace("é", "e")
    return do(app, c.Declare(uai=uai, nom=nom, prenom="Luc", mail=mail, school_year=year), uai)


def issue(app: App, uai: str, nom: str, year: SchoolYear, day: date) -> str:
    """A request brought to its code."""
    reference = declare(app, uai, nom, year)
    on: dict[str, Any] = {"reference": reference}
    mail = f"{nom}.{uai}@ac-toulouse.fr".lower().replace("é", "e")
    do(app, c.Delegate(**on, why="aide aux parents", made_on=day), uai)
    do(app, c.SignCharter(**on, signed_on=day, version=app.settings.charter.version, copy_kept=True), uai)
    do(app, c.Submit(**on, nom=nom, prenom="Luc", mail=mail), uai)
    do(app, c.CheckListing(**on, outcome=CheckOutcome.POSITIVE, source="liste"))
    do(app, c.CheckDelegation(**on, outcome=CheckOutcome.POSITIVE, source="DelegCE"))
    return do(app, c.IssueCode(**on, code=c.Code(clear="AB12CD34")))


def do(app: App, command: c.Command, uai: str | None = None) -> str:
    """Execute it as the chef of that establishment, else as an operator; it must be accepted."""
    people = app.people
    actor = people.chef([uai], Channel.CLI) if uai else people.operator(OPERATOR, Channel.CLI)
    [result] = app.engine.execute([command], actor)
    assert isinstance(result, Done), result
    return result.reference
