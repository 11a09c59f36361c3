"""Codes that leave their seal: one read on the portal, those of a batch in a file for the ODA server (R97, R112).

A code is decrypted for this alone and written nowhere. That it was read, or taken, is in the journal before its first
byte leaves: a process that stops in between gives it to nobody, and a new one is asked for.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.fernet import Fernet
from sqlalchemy import Connection, select, update

from notifications import encryption
from notifications.encryption import CodeUnreadable
from notifications.mailer import Mailer
from notifications.messages.facts import Person, Place
from notifications.ports import crash_point
from notifications.rendering.renderer import DrawnCode, Unexportable, codes
from notifications.sql import upsert
from states import french
from states.commands import Code, OpenCode, TakeBackCode
from states.decision import Case, Refused
from states.model import Actor
from states.refusals import Reason
from states.rules.code import reading_problems
from states.school_calendar import SchoolYear
from states.validation import clean_text, text_problem
from workflow.codes.batches import UnknownBatch
from workflow.database.file_tables import BATCH, STAGED_IMPORTS
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.engine.engine import Engine
from workflow.engine.loader import Loader
from workflow.journal import chain
from workflow.removals.files import encoded
from workflow.settings.codes import CodeFileSettings
from workflow.settings.secrets import derived, digest
from workflow.spreadsheets.staged_imports import KEPT

_SHOWN: Final = "code_shown"

_SHOWN_AGAIN: Final = timedelta(seconds=60)
"""How long a second click shows what the first one opened: long enough for an answer lost on the way."""

_CODE_UNREADABLE: Final = Reason(
    "code_unreadable", "R71", "Le code ne peut pas être déchiffré",
    "Prévenir le rectorat, qui en fera un nouveau ; rien n'est effacé.",
)  # fmt: skip

EVENT: Final = "codes_downloaded"


def open_code(engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor, session: str = "") -> Code | Refused:
    """Give the code of a request, which is erased, or say why not; of two who ask at once, one has it (R9).

    ``session``: the secret of a browser's session, whose second click on the same form is given the same code for a
    minute. Raises DatabaseBusy, DatabaseUnreachable, CodeLeaving.
    """
    has_form = bool(session) and command.expected_version is not None
    form = ShownForm(session, command.reference, command.expected_version or 0) if has_form else None
    opened = engine.in_transaction(_opening(engine, mailer, command, actor, form))
    crash_point("codes.opened")
    return opened


@dataclass(frozen=True, slots=True)
class ShownForm:
    """The form by which a session opens a code: the request as its page showed it, by its version (R112).

    The browser shows the answer to its last click, and would lose the code that the first one was given. So it is kept
    for a minute, whichever machine answers, sealed by what that session alone has: where files wait that hold codes.
    """

    session: str
    reference: str
    version: int

    def keep(self, connection: Connection, code: Code, actor: Actor, now: datetime) -> None:
        """Keep the code that was just opened."""
        row = {
            "digest": self._digest, "kind": _SHOWN, "actor": actor.number, "kept_at": now - KEPT + _SHOWN_AGAIN,
            "content": self._cipher.encrypt(code.clear.encode()),
        }  # fmt: skip
        connection.execute(upsert(connection, STAGED_IMPORTS, row, ["kind", "actor"]))

    def find(self, connection: Connection, now: datetime) -> Code | None:
        """The code that this form opened less than a minute ago."""
        staged = STAGED_IMPORTS.c
        query = select(staged.content).where(
            staged.digest == self._digest, staged.kind == _SHOWN, staged.kept_at > now - KEPT,
            staged.kept_at <= now - KEPT + _SHOWN_AGAIN,
        )  # fmt: skip
        content = connection.execute(query).scalar_one_or_none()
        return None if content is None else Code(clear=self._cipher.decrypt(content).decode())

    @property
    def _use(self) -> str:
        return f"code shown\n{self.reference}\n{self.version}"

    @property
    def _digest(self) -> str:
        return digest(f"{self.session}\n{self._use}")

    @property
    def _cipher(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(bytes.fromhex(derived(self.session, self._use))))


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file that was made: its bytes show themselves to nobody by accident."""

    content: bytes
    count: int

    def __repr__(self) -> str:
        return f"<a file of {self.count} codes>"


class CodesFileRefused(Exception):
    """The file may not be made; ``reasons`` are all of why (R7). ``again``: it was taken before, and a reason of taking
    it again is missing."""

    def __init__(self, reasons: Iterable[Reason], *, again: bool = False) -> None:
        self.reasons = tuple(reasons)
        self.again = again
        super().__init__(" ; ".join(map(str, self.reasons)))


def take_file(
    engine: Engine, mailer: Mailer, settings: CodeFileSettings, number: int, actor: Actor, *, key: str, why: str = ""
) -> CodeFile:  # fmt: skip
    """Make the file of the codes that wait in a batch, and note in the journal that this actor takes it.

    ``key`` is of the form: a double click is one taking. ``why``: needed to take it again. Raises UnknownBatch,
    CodesFileRefused, Unexportable, ClockRefused, DatabaseBusy, DatabaseUnreachable.
    """
    digest = engine.hasher.digest(f"code-file {actor.number} {key}")

    def work(connection: Connection, now: datetime) -> list[DrawnCode]:
        row = connection.execute(select(BATCH).where(BATCH.c.number == number).with_for_update()).one_or_none()
        if row is None:
            raise UnknownBatch
        lines = _lines(connection, engine, mailer, number, actor, now)
        is_again = row.downloads > 0 and row.download_key != digest
        if is_again and (problem := text_problem(why)):
            raise CodesFileRefused([_why_missing(connection, row, problem, engine)], again=True)
        _note(connection, engine, row, actor, now, count=len(lines), digest=digest, why=why if is_again else "")
        crash_point("codes.file_noted")
        return lines

    lines = engine.in_transaction(work)
    content = _written(lines, engine, mailer, settings)
    crash_point("codes.file_made")
    return CodeFile(content, len(lines))


def _opening(
    engine: Engine, mailer: Mailer, command: OpenCode, actor: Actor, form: ShownForm | None
) -> Callable[[Connection, datetime], Code | Refused]:
    def work(connection: Connection, now: datetime) -> Code | Refused:
        try:
            codes = encryption.codes_of(connection, mailer.sealer, [command.reference])
        except CodeUnreadable:
            return Refused((_CODE_UNREADABLE,))
        (result,) = engine.run(connection, [command], actor, now)
        if isinstance(result, Refused):
            return (form.find(connection, now) if form else None) or result
        code = Code(clear=codes[command.reference])
        if form:
            form.keep(connection, code, actor, now)
        return code

    return work


def _lines(
    connection: Connection, engine: Engine, mailer: Mailer, number: int, actor: Actor, now: datetime
) -> list[DrawnCode]:
    """The requests that wait in this batch, with their codes in clear. Raises CodesFileRefused."""
    query = (
        select(
            *(REQUEST.c[name] for name in (
                "reference", "uai", "nom", "prenom", "mail", "school_year", "expires_on", "code_issued_at"
            )),
            ESTABLISHMENT.c.nom.label("place"), ESTABLISHMENT.c.commune, ESTABLISHMENT.c.departement,
        )
        .join(ESTABLISHMENT, ESTABLISHMENT.c.uai == REQUEST.c.uai)
        .where(REQUEST.c.drawn_at.is_not(None), REQUEST.c.drawn_in == number)
        .order_by(REQUEST.c.reference)
    )  # fmt: skip
    rows = connection.execute(query).all()
    references = [row.reference for row in rows]
    if problems := _reading_problems(connection, engine, mailer, references, actor, now):
        raise CodesFileRefused(problems)
    try:
        clear = encryption.codes_of(connection, mailer.sealer, references)
    except CodeUnreadable:
        raise CodesFileRefused([_BATCH_UNREADABLE]) from None
    if not clear:
        nothing_waits = Reason(
            "nothing_waits", "R97", f"Aucun code n'attend dans le lot n° {number}",
            "Relire le lot : ses codes sont transmis, ou effacés.",
        )  # fmt: skip
        raise CodesFileRefused([nothing_waits])
    return [
        DrawnCode(
            reference=row.reference, establishment=Place(uai=row.uai, nom=row.place, commune=row.commune),
            departement=row.departement, rupn=Person(nom=row.nom, prenom=row.prenom, mail=row.mail),
            school_year=str(SchoolYear.stored(row.school_year)), expires_on=row.expires_on,
            has_key=row.code_issued_at is not None, batch=number, code=clear[row.reference],
        )
        for row in rows if row.reference in clear
    ]  # fmt: skip


def _reading_problems(
    connection: Connection, engine: Engine, mailer: Mailer, references: list[str], actor: Actor, now: datetime
) -> list[Reason]:
    """Reasons why this operator may not read some of these codes (R6), each with the requests that it is about."""
    commands = [TakeBackCode(reference=reference) for reference in references]
    facts = Loader(connection, mailer.code_statuses, lock=False).load(commands)
    problems: dict[Reason, list[str]] = {}
    for command in commands:
        case = Case(facts.facts(command), command, actor, now, engine.policy)
        for reason in reading_problems(case):
            problems.setdefault(reason, []).append(command.reference)
    return [
        replace(reason, message=f"{reason.message} ({french.listing(names)})", remedy=_OTHERS_TAKE)
        for reason, names in problems.items()
    ]


_OTHERS_TAKE: Final = "Un autre opérateur doit télécharger ce fichier ; ou effacer ces codes, qui sortiront du lot."

_BATCH_UNREADABLE: Final = Reason(
    "code_unreadable", "R71", "Un code de ce lot ne peut pas être déchiffré : sa clé n'est plus dans les secrets",
    "Remettre cette clé dans les secrets, ou effacer les codes du lot et en tirer d'autres.",
)  # fmt: skip


def _why_missing(connection: Connection, row: Any, problem: str, engine: Engine) -> Reason:
    query = select(ACTOR.c.label).where(ACTOR.c.number == row.downloaded_by)
    who = connection.execute(query).scalar_one_or_none() or "un opérateur"
    when = french.instant(row.downloaded_at, engine.policy.calendar.timezone)
    return Reason(
        "file_taken", "R97", f"Le fichier de ce lot a déjà été téléchargé par {who}, le {when} : la raison {problem}",
        "Dire pourquoi il est téléchargé de nouveau ; c'est inscrit au journal.", "why",
    )  # fmt: skip


def _note(
    connection: Connection, engine: Engine, row: Any, actor: Actor, now: datetime, *, count: int, digest: str, why: str
) -> None:  # fmt: skip
    notes = {"why": clean_text(why)} if why else {}
    data = {"batch": row.number, "codes": count, "again": row.downloads > 0}
    chain.record(connection, engine.hasher, EVENT, actor, now, data, notes)
    taken = {
        "downloads": row.downloads + 1, "downloaded_at": now, "downloaded_by": actor.number, "download_key": digest,
    }  # fmt: skip
    connection.execute(update(BATCH).where(BATCH.c.number == row.number).values(taken))


def _written(lines: list[DrawnCode], engine: Engine, mailer: Mailer, settings: CodeFileSettings) -> bytes:
    """The file in the form of its template. Raises Unexportable, without what a line holds."""
    today = engine.policy.calendar.today(engine.clock.now())
    try:
        return b"".join(encoded(codes(mailer.wordings, lines, today, mailer.mail_context), settings))
    except Unexportable as error:
        raise Unexportable(str(error)) from None  # the cause may quote a code
