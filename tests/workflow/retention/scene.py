"""A request of somebody with a name that stands nowhere else, lived to its end and spoken of everywhere."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from notifications.outbox.store import COLUMNS, MAILS, mail_from
from notifications.vocabulary import Stage
from states import commands as c
from states.model import OnBehalf
from states.vocabulary import Change, CheckOutcome, RemovalOutcome, RequestedBy, RevokeReason, Role
from tests.acceptance.database_dump import dump, rows
from tests.kit.portal import STAFF, Portal
from tests.workflow.evidence.shelf import TITLES, read
from workflow.auth.sessions import SessionUser
from workflow.database.connection import Database
from workflow.database.tables import CALL
from workflow.drane import prepare
from workflow.journal.verification import Verifier
from workflow.mail import words_of

NOM, PRENOM, MAIL = "Zyxalandre", "Quirinus", "quirinus.zyxalandre@ac-toulouse.fr"
CHEF_NAME = "Ottilie Wrzesniak"
CHEF = SessionUser(role=Role.CHEF, subject="0310001H", name=CHEF_NAME)
NAMES = ("zyxalandre", "quirinus", "wrzesniak", "ottilie", "gwendoline")
"""What is looked for: the RUPN, the chef, and whoever was named in words."""


def live(portal: Portal) -> str:
    """A request with a code, and whatever names its person: lists, notes, mails, the DRANE's file, who handles it."""
    today = portal.app.policy.calendar.today(portal.clock.now())
    listed = f"{TITLES}\n0310001H;{NOM};{PRENOM};{MAIL};\n"
    portal.app.lists.import_read(read(listed), today, portal.actor(STAFF))
    who: dict[str, Any] = {"nom": NOM, "prenom": PRENOM, "mail": MAIL}
    reference = portal.do(c.Declare(uai="0310001H", **who), CHEF).reference
    portal.do(c.Amend(reference=reference, prenom="Gwendoline"), CHEF)
    portal.do(c.Amend(reference=reference, prenom=PRENOM), CHEF)
    portal.do(c.Delegate(reference=reference, why="Gwendoline est partie", made_on=today), CHEF)
    version = portal.app.settings.charter.version
    behalf = OnBehalf(who="Gwendoline, secrétaire", how=RequestedBy.TELEPHONE, when=today.isoformat())
    signed = c.SignCharter(reference=reference, signed_on=today, version=version, copy_kept=True, on_behalf=behalf)
    portal.do(signed, STAFF)
    portal.do(c.Submit(reference=reference, **who), CHEF)
    portal.do(c.AskQuestion(reference=reference, question=f"Qui est {PRENOM} {NOM} ?"), STAFF)
    portal.do(c.AnswerQuestion(reference=reference, answer="La sœur de Gwendoline"), CHEF)
    for check in (c.CheckListing, c.CheckDelegation):
        source = f"liste reçue de Gwendoline, ligne {NOM}"
        portal.do(check(reference=reference, outcome=CheckOutcome.POSITIVE, source=source), STAFF)
    portal.do(c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34"), key_elsewhere=False), STAFF)
    send_mails(portal)
    portal.do(c.ConfirmHandover(reference=reference, handed_on=today), CHEF)
    portal.app.private_notes.write(reference, portal.actor(STAFF), f"Rappeler {PRENOM}")
    portal.app.assignments.take(reference, portal.actor(STAFF))
    prepare(portal.app.engine, portal.actor(STAFF))
    return reference


def end(portal: Portal, reference: str, *, removed: bool = True) -> None:
    """The request is revoked; its rights are removed, unless nobody says so."""
    today = portal.app.policy.calendar.today(portal.clock.now())
    change = c.ReportChange(reference=reference, change=Change.DEPARTURE, effective_on=today, note=f"{NOM} s'en va")
    portal.do(change, CHEF)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE, note=f"départ de {NOM}"), STAFF)
    if not removed:
        return
    called = {"reference": reference, "stage": "done", "asked": f"{NOM}", "answer": f"removed {MAIL}"}
    with portal.app.database.write() as connection:
        connection.execute(insert(CALL), [{**called, "attempts": 1, "changed_at": portal.clock.now()}])
    confirm(portal, reference)


def confirm(portal: Portal, reference: str) -> None:
    """The removal is confirmed."""
    outcome = RemovalOutcome.REMOVED
    portal.do(c.ConfirmRemoval(reference=reference, outcome=outcome, note=f"vu avec {PRENOM}"), STAFF)


def send_mails(portal: Portal) -> None:
    """Every mail that waits leaves: its text is kept as the sender keeps it."""
    with portal.app.database.write() as connection:
        waiting = connection.execute(select(*COLUMNS).where(MAILS.c.next_attempt_at.is_not(None))).all()
        for mail in map(mail_from, waiting):
            words = words_of(mail, portal.app.mailer)
            assert words is not None
            values = {
                "stage": Stage.SENT.value, "next_attempt_at": None, "sent_at": portal.clock.now(),
                "subject": words.subject, "body": words.body, "html": words.html, "last_reply": f"250 ok {MAIL}",
            }  # fmt: skip
            connection.execute(update(MAILS).where(MAILS.c.id == mail.id).values(values))


def months_pass(portal: Portal, months: int) -> None:
    """The service runs on: a tick a month, under a clock that is believed."""
    for _ in range(months):
        portal.clock.advance(days=31)
        result = portal.app.ticker.tick()
        assert not result.troubles, result.troubles
        send_mails(portal)


def found_in(text: str) -> list[str]:
    """The names that are there."""
    return [name for name in NAMES if name in text.casefold()]


def found_in_database(database: Database, folder: Path) -> list[str]:
    """The names that are anywhere: rows, files, write-ahead log, a new backup; on PostgreSQL a dump."""
    texts = rows(database)
    if database.is_postgresql:
        texts.append(dump(database).decode("utf-8", "replace"))
    else:
        path = Path(database.url.database or "")
        backup = folder / "backup.sqlite"
        backup.unlink(missing_ok=True)
        with sqlite3.connect(path) as source, sqlite3.connect(backup) as target:
            source.backup(target)
        files = (path, path.with_name(f"{path.name}-wal"), backup)
        texts += [file.read_bytes().decode("latin-1") for file in files if file.exists()]
    return found_in("\n".join(texts))


def flaws(portal: Portal) -> list[str]:
    """What the journal's check finds."""
    with portal.app.database.read() as connection:
        return [str(flaw) for flaw in Verifier(connection, portal.app.hasher).flaws()]
