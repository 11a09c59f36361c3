"""A database with many live requests, written in bulk: what a rentrée leaves at the end of a school year."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from sqlalchemy import Connection, bindparam, insert, select, update

from notifications.encryption import Sealer
from notifications.mailer import Mailer
from notifications.messages.catalogue import MailContext
from notifications.settings import MailSettings, RelaySettings
from states.model import Actor, Policy
from states.school_calendar import SchoolCalendar, SchoolYear
from states.validation import UAI_LETTERS, person_key
from states.vocabulary import Role
from tests.kit.clock import FakeClock
from workflow.database.connection import Database
from workflow.database.journal_tables import ACTOR, EVENT
from workflow.database.mapping import reference_of
from workflow.database.tables import COUNTER, ESTABLISHMENT, REQUEST
from workflow.engine.engine import Engine
from workflow.journal import chain
from workflow.journal.chain import EMPTY_CHAIN, ChainHead, JournalHasher
from workflow.year_end.service import YearEndReporter, YearEnds

YEAR = SchoolYear(2026)
BORN = datetime(2026, 9, 10, tzinfo=UTC)
AFTER_END = datetime(2027, 9, 1, tzinfo=UTC)
PER_ESTABLISHMENT = 2
BATCH = 1000

NOTARY = JournalHasher(b"bench" * 8)
POLICY = Policy(calendar=SchoolCalendar(timezone=ZoneInfo("Europe/Paris")), code_hold=timedelta())
OPERATOR = Actor(role=Role.OPERATOR, number=2, label="operateur@ac-toulouse.fr (opérateur du rectorat)")


def mailer() -> Mailer:
    """The real mail room, on settings of its own."""
    settings = MailSettings(
        sender="oda@ac-toulouse.fr", operators_mailbox="operateurs@ac-toulouse.fr", signature="DSI", contact="DSI",
        relay=RelaySettings(host="localhost"),
    )  # fmt: skip
    context = MailContext(
        academie="Toulouse", timezone=ZoneInfo("Europe/Paris"), signature="DSI", contact="DSI", charter_version="1",
        delegce_module="Administration des comptes EduConnect",
    )  # fmt: skip
    return Mailer(settings, context, sealer())


def sealer() -> Sealer:
    """A key of its own."""
    return Sealer([Fernet.generate_key().decode()])


def uai_of(number: int) -> str:
    digits = f"{number:07d}"
    return digits + UAI_LETTERS[int(digits) % 23]


def populate(database: Database, requests: int) -> None:
    """``requests`` live requests in ``code_issued``, handed over, two an establishment, each with its two events."""
    with database.write() as connection:
        chain.found_installation(connection, NOTARY, BORN)
        name_operator(connection)
        connection.execute(insert(COUNTER), [{"school_year": str(YEAR), "last": requests}])
    for start in range(0, requests, BATCH):
        with database.write() as connection:
            _batch(connection, range(start, min(start + BATCH, requests)))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if database.is_postgresql else "PRAGMA optimize")


def name_operator(connection: Connection) -> None:
    """Give the number of the operator, the second after the schedule's, unless somebody has it."""
    if not connection.execute(select(ACTOR).where(ACTOR.c.number == OPERATOR.number)).first():
        connection.execute(insert(ACTOR), [{"key": OPERATOR.label, "label": OPERATOR.label}])


def _batch(connection: Connection, numbers: range) -> None:
    schools = sorted({number // PER_ESTABLISHMENT for number in numbers})
    rows = [
        {"uai": uai_of(s), "nom": f"Collège n° {s}", "kind": "Collège", "commune": "Toulouse", "departement": "31",
         "mailbox": f"ce.{uai_of(s).lower()}@ac-toulouse.fr", "is_open": True, "is_listed": True} for s in schools
    ]  # fmt: skip
    connection.execute(insert(ESTABLISHMENT), rows)
    requests = [_request(number) for number in numbers]
    births = [
        _event(r["reference"], EMPTY_CHAIN, "declare", None, "declared", uai=r["uai"], school_year=str(YEAR))
        for r in requests
    ]
    issues = [
        _event(b["stream"], ChainHead(b["hash"], 1), "issue_code", "declared", "code_issued") for b in births
    ]  # fmt: skip
    connection.execute(insert(EVENT), births + issues)
    connection.execute(insert(REQUEST), [r | {"chain_head": b["hash"]} for r, b in zip(requests, births, strict=True)])
    changes = (
        "state",
        "version",
        "chain_head",
        "chain_length",
        "code_issued_at",
        "handed_on",
        "expires_on",
        "last_trigger",
    )
    issue = update(REQUEST).where(REQUEST.c.reference == bindparam("b_reference"))
    connection.execute(issue.values({name: bindparam(name) for name in changes}), [
        {"b_reference": e["stream"], "state": "code_issued", "version": 2, "chain_head": e["hash"], "chain_length": 2,
         "code_issued_at": BORN, "handed_on": BORN.date(), "expires_on": date(2027, 8, 31),
         "last_trigger": "issue_code"} for e in issues
    ])  # fmt: skip


def _event(stream: str, link: ChainHead, kind: str, source: str | None, target: str, **data: str) -> dict[str, Any]:
    return NOTARY.event((stream, link), kind, (source, target), OPERATOR, BORN, data, [])


def _request(number: int) -> dict[str, Any]:
    nom, prenom, mail = f"Nom{number}", "Prénom", f"rupn{number}@ac-toulouse.fr"
    return {
        "reference": reference_of(YEAR, number + 1), "uai": uai_of(number // PER_ESTABLISHMENT),
        "school_year": str(YEAR), "state": "declared", "version": 1, "nom": nom, "prenom": prenom, "mail": mail,
        "folded_mail": mail, "person": person_key(nom, prenom), "created_at": BORN, "changed_at": BORN,
        "last_trigger": "declare", "last_actor": OPERATOR.label, "chain_length": 1, "chef_name": "",
        "delegation_why": "", "listing_source": "", "listing_seen": "", "delegation_source": "",
        "delegation_seen": "", "acted_on_behalf": "",
    }  # fmt: skip


def year_ends(database: Database) -> tuple[YearEnds, Actor]:
    """The end of the year, foreseen as it must be, with the clock just after it."""
    clock = FakeClock(BORN)
    room = mailer()
    engine = Engine(database, clock, NOTARY, POLICY, room)
    ends, schedule = YearEnds(engine, YearEndReporter(room)), chain.schedule_actor(database)
    ends.observe(schedule, "bench")
    clock.set(AFTER_END - timedelta(days=7))
    ends.observe(schedule, "bench")
    clock.set(AFTER_END)
    return ends, schedule
