"""Codes in batches: drawn together, or given by a file ``référence;code`` (R97, R98).

Drawn ones are taken to the ODA server as one file, and sent once they are there. Each request is decided by the engine,
for itself; a batch is drawn in one transaction, so that a stop leaves all of it or nothing.

Of a file, each line is checked before the first is done, and has its result. No code is shown, nor said by an error: a
line is told by its number and its reference.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, func, insert, select, update

from notifications.mailer import Mailer
from notifications.ports import crash_point
from states import french
from states.commands import Code, Command, DrawCode, IssueCode, ReissueCode, TakeBackCode
from states.decision import Refused
from states.model import Actor, Policy, Request
from states.refusals import Reason
from states.rules.code import typed_code
from states.transitions import decide
from states.validation import normalise_reference
from states.vocabulary import ReissueReason, State
from workflow.database.file_tables import BATCH, BATCH_REQUEST
from workflow.database.journal_tables import ACTOR
from workflow.database.tables import REQUEST
from workflow.engine.engine import Done, Engine, Result, execute_in_batches
from workflow.engine.idempotency import key_of
from workflow.engine.loader import Loader
from workflow.spreadsheets.columns import ColumnSpec, recognise
from workflow.spreadsheets.reader import Table, TableRow, read_table
from workflow.spreadsheets.workbook import UnusableFile, unusable

MOST_DRAWN: Final = 300
"""Requests in a batch."""

_DREW, _TOOK, _DID = ACTOR.alias("drew"), ACTOR.alias("took"), ACTOR.alias("did")

_BATCHES: Final = (
    select(BATCH, _DREW.c.label.label("drew"), _TOOK.c.label.label("took"), _DID.c.label.label("did"))
    .join(_DREW, _DREW.c.number == BATCH.c.drawn_by)
    .outerjoin(_TOOK, _TOOK.c.number == BATCH.c.downloaded_by)
    .outerjoin(_DID, _DID.c.number == BATCH.c.done_by)
)

MOST_TYPED: Final = 1000
"""Lines of a file."""

MOST_BYTES: Final = 900_000
"""Bytes of a file: less than what a server would put on its disk while it receives it."""

_SPECS: Final = (
    ColumnSpec("reference", "Référence", ("référence de la demande", "demande", "ref")),
    ColumnSpec("code", "Code", ("code d'initialisation", "code initial", "code oda", "pin", "code pin")),
)

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")

_QUOTED: Final = re.compile(r"\s*(?:«[^»]*»|\([^)]*\))")
"""What a reader of files quotes of one, in its words."""

_NO_REFERENCE: Final = Reason(
    "no_reference", "R98", "Cette ligne n'a pas de référence lisible",
    "Écrire la référence de la demande, par exemple ODA-2027-00042.",
)  # fmt: skip

_NO_CODE: Final = Reason("no_code", "R98", "Cette ligne n'a pas de code", "Écrire le code, ou ôter la ligne.")

_REFERENCE_TWICE: Final = Reason(
    "reference_twice", "R98", "Cette référence est sur plusieurs lignes : on ne sait pas quel code est le bon",
    "N'en garder qu'une.",
)  # fmt: skip

_CODE_TWICE: Final = Reason(
    "code_twice", "R42", "Le même code est sur plusieurs lignes",
    "Relire ces codes sur le serveur ODA : chaque clé a le sien.",
)  # fmt: skip


class UnknownBatch(LookupError):
    """Aucun lot ne porte ce numéro."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A request for which a code is to be drawn; ``version``: as it was shown (R9). The others are as DrawCode's."""

    reference: str
    version: int | None = None
    reason: ReissueReason | None = None
    expires_on: date | None = None
    new_key_confirmed: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class DrawResult:
    """The batch that was drawn, None when every request was refused; ``results`` in the order of the requests.

    ``replayed``: the same form had drawn it before.
    """

    number: int | None
    results: Mapping[str, Result]
    replayed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchView:
    """A batch. ``waiting`` are the references whose code waits in it; it is open while there is one."""

    number: int
    drawn_at: datetime
    drawn_by: str
    size: int
    downloads: int
    downloaded_at: datetime | None
    downloaded_by: str
    done_at: datetime | None
    done_by: str
    waiting: tuple[str, ...]
    references: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.waiting)

    @property
    def is_downloaded(self) -> bool:
        return self.downloads > 0


class _NothingDrawn(Exception):
    """Raised to undo the batch of which every request was refused."""

    def __init__(self, results: Mapping[str, Result]) -> None:
        super().__init__()
        self.results = results


@dataclass(frozen=True, slots=True)
class _Member:
    reason: ReissueReason | None
    state: State


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A line of the file: its number, what stands for a reference, and the code, which shows itself to nobody."""

    line: int
    reference: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """A line as the rules judge it today; ``request`` is None for an unknown one, ``place`` its establishment."""

    line: int
    reference: str
    request: Request | None
    place: str
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...] = ()

    @property
    def is_ready(self) -> bool:
        return not self.reasons


@dataclass(frozen=True, slots=True)
class CodeResult:
    """A line and the result of its code."""

    line: int
    reference: str
    result: Result

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.result.reasons if isinstance(self.result, Refused) else ()


def draw_codes(engine: Engine, drawings: Sequence[Drawing], actor: Actor, *, key: str) -> DrawResult:
    """Draw a code for each request that the rules allow it for, in a batch of their own.

    Sent twice under one ``key``, it is drawn once. Raises ValueError beyond ``MOST_DRAWN``, DatabaseBusy,
    DatabaseUnreachable.
    """
    if not 0 < len(drawings) <= MOST_DRAWN:
        raise ValueError(f"from 1 to {MOST_DRAWN} requests in a batch")
    digest = engine.hasher.digest(f"code-batch {actor.number} {key}")

    def work(connection: Connection, now: datetime) -> DrawResult:
        before = connection.execute(select(BATCH.c.number).where(BATCH.c.key == digest)).scalar_one_or_none()
        if before is not None:
            return DrawResult(before, {}, replayed=True)
        batch = {
            "key": digest, "drawn_at": now, "drawn_by": actor.number, "size": 0, "downloads": 0, "download_key": ""
        }  # fmt: skip
        number: int = connection.execute(insert(BATCH).values(batch).returning(BATCH.c.number)).scalar_one()
        commands = [
            DrawCode(
                reference=drawing.reference, expected_version=drawing.version, batch=number, reason=drawing.reason,
                expires_on=drawing.expires_on, new_key_confirmed=drawing.new_key_confirmed, anew=drawing.anew,
            )
            for drawing in drawings
        ]  # fmt: skip
        results = engine.run(connection, commands, actor, now)
        by_reference = dict(zip((drawing.reference for drawing in drawings), results, strict=True))
        drawn = [drawing for drawing in drawings if isinstance(by_reference[drawing.reference], Done)]
        if not drawn:
            raise _NothingDrawn(by_reference)
        rows = [
            {"batch": number, "reference": drawing.reference, "reason": drawing.reason and drawing.reason.value}
            for drawing in drawn
        ]
        connection.execute(insert(BATCH_REQUEST), rows)
        connection.execute(update(BATCH).where(BATCH.c.number == number).values(size=len(drawn)))
        crash_point("codes.drawn")
        return DrawResult(number, by_reference)

    try:
        return engine.in_transaction(work)
    except _NothingDrawn as nothing:
        return DrawResult(None, nothing.results)


def send_codes(
    engine: Engine, number: int, references: Sequence[str], actor: Actor, *, key: str
) -> dict[str, Result]:  # fmt: skip
    """The codes of these requests are on the ODA server: let their mails leave, each for itself.

    A request that waits no more in this batch is refused, as by the engine. Raises UnknownBatch, DatabaseBusy,
    DatabaseUnreachable.
    """
    with engine.database.read() as connection:
        batch = load_batch(connection, number)
        members = _members(connection, number)
    reasons = {reference: members[reference].reason for reference in references if reference in members}
    commands: list[Command] = [
        ReissueCode(reference=reference, reason=reason, drawn=True)
        if reason else IssueCode(reference=reference, drawn=True)
        for reference, reason in reasons.items()
    ]  # fmt: skip
    results = _execute(engine, commands, actor, key)
    if any(isinstance(result, Done) for result in results.values()):
        of_batch = update(BATCH).where(BATCH.c.number == number)
        engine.in_transaction(
            lambda connection, now: connection.execute(of_batch.values(done_at=now, done_by=actor.number))
        )
    others = {r: Refused((_not_of_batch(r, batch.number),)) for r in references if r not in members}
    return results | others


def erase_codes(
    engine: Engine, number: int, references: Sequence[str], actor: Actor, *, key: str
) -> dict[str, Result]:  # fmt: skip
    """Erase the codes of these requests, which failed on the server: each is as before its drawing. Raises likewise."""
    with engine.database.read() as connection:
        waiting = set(load_batch(connection, number).waiting)
    gone = {r: Refused((_not_of_batch(r, number),)) for r in references if r not in waiting}
    commands = [TakeBackCode(reference=reference) for reference in references if reference in waiting]
    return _execute(engine, commands, actor, key) | gone


def take_back_codes(
    engine: Engine, versions: Mapping[str, int | None], actor: Actor, *, key: str
) -> dict[str, Result]:  # fmt: skip
    """Take back the mails of these requests' codes, typed or drawn, that have not left: each for itself (R62).

    ``versions``: as each request was shown, None for whatever it has become (R9). Raises DatabaseBusy,
    DatabaseUnreachable.
    """
    commands = [TakeBackCode(reference=reference, expected_version=version) for reference, version in versions.items()]
    return _execute(engine, commands, actor, key)


def drawings_anew(connection: Connection, number: int, references: Sequence[str]) -> list[Drawing]:
    """Drawings of other codes for these requests of a batch, in a batch of their own, for the same reasons."""
    members = _members(connection, number)
    return [
        Drawing(reference=reference, reason=members[reference].reason, anew=True)
        for reference in references
        if reference in members
    ]


def _execute(engine: Engine, commands: Sequence[Command], actor: Actor, key: str) -> dict[str, Result]:
    results = execute_in_batches(engine, commands, actor, key=lambda _, batch: key_of(engine.hasher, key, batch))
    return dict(zip((str(getattr(command, "reference", "")) for command in commands), results, strict=True))


def _members(connection: Connection, number: int) -> dict[str, _Member]:
    query = (
        select(BATCH_REQUEST.c.reference, BATCH_REQUEST.c.reason, REQUEST.c.state)
        .join(REQUEST, REQUEST.c.reference == BATCH_REQUEST.c.reference)
        .where(BATCH_REQUEST.c.batch == number)
    )
    return {
        row.reference: _Member(ReissueReason(row.reason) if row.reason else None, State(row.state))
        for row in connection.execute(query)
    }


def _not_of_batch(reference: str, number: int) -> Reason:
    return Reason(
        "not_of_batch", "R97", f"Le code de la demande {reference} n'attend pas dans le lot n° {number}",
        "Relire ce lot : ce code est transmis, effacé, ou dans un autre lot.",
    )  # fmt: skip


def load_batch(connection: Connection, number: int) -> BatchView:
    """A batch with its requests. Raises UnknownBatch."""
    row = connection.execute(_BATCHES.where(BATCH.c.number == number)).one_or_none()
    if row is None:
        raise UnknownBatch
    references = tuple(sorted(_members(connection, number)))
    return _view(row, _waiting(connection, [number]).get(number, ()), references)


def list_batches(connection: Connection, *, before: int | None = None, limit: int = 50) -> list[BatchView]:
    """The batches, the last one first; ``before``: those whose number is smaller."""
    query = _BATCHES.order_by(BATCH.c.number.desc()).limit(limit)
    rows = connection.execute(query if before is None else query.where(BATCH.c.number < before)).all()
    waiting = _waiting(connection, [row.number for row in rows])
    return [_view(row, waiting.get(row.number, ())) for row in rows]


def on_the_way(connection: Connection, number: int, policy: Policy, now: datetime) -> tuple[str, ...]:
    """The requests of a batch whose mail may still be held: said done on the server so lately (R62)."""
    query = (
        select(REQUEST.c.reference).join(BATCH_REQUEST, BATCH_REQUEST.c.reference == REQUEST.c.reference)
        .where(
            BATCH_REQUEST.c.batch == number, REQUEST.c.drawn_at.is_(None), REQUEST.c.handed_on.is_(None),
            REQUEST.c.code_issued_at > now - policy.code_hold,
        )
        .order_by(REQUEST.c.reference)
    )  # fmt: skip
    return tuple(connection.execute(query).scalars())


def count_waiting(connection: Connection) -> int:
    """Count the drawn codes that wait to be said on the ODA server."""
    return int(connection.execute(select(func.count()).where(REQUEST.c.drawn_at.is_not(None))).scalar_one())


def _waiting(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    query = select(REQUEST.c.drawn_in, REQUEST.c.reference).where(
        REQUEST.c.drawn_at.is_not(None), REQUEST.c.drawn_in.in_(numbers)
    )
    waiting: dict[int, tuple[str, ...]] = {}
    for number, reference in connection.execute(query.order_by(REQUEST.c.reference)):
        waiting[number] = (*waiting.get(number, ()), reference)
    return waiting


def _view(row: Any, waiting: tuple[str, ...], references: tuple[str, ...] = ()) -> BatchView:
    return BatchView(
        number=row.number, drawn_at=row.drawn_at, drawn_by=row.drew, size=row.size, downloads=row.downloads,
        downloaded_at=row.downloaded_at, downloaded_by=row.took or "", done_at=row.done_at, done_by=row.did or "",
        waiting=waiting, references=references,
    )  # fmt: skip


def batch_state(batch: BatchView) -> str:
    """The state of a batch, in French."""
    if not batch.is_open:
        return "clos"
    if not batch.is_downloaded:
        return "fichier à télécharger"
    return f"{french.plural(len(batch.waiting), 'code')} à dire sur le serveur ODA"


def read_code_file(file: BinaryIO, *, is_complete: bool = False) -> Table:
    """The table of a file; ``is_complete``: somebody vouches for one that looks cut.

    Raises UnusableFile, whose words quote nothing of what may be a code.
    """
    try:
        table = read_table(file, most_bytes=MOST_BYTES, most_rows=MOST_TYPED + 20)
    except UnusableFile as error:
        raise UnusableFile(_QUOTED.sub("", str(error))) from None
    table.refuse_if_cut(is_complete=is_complete)
    read_codes(table)
    return table


def read_codes(table: Table) -> list[TypedCode]:
    """The lines of a table: two columns called « référence » and « code », or in this order without titles.

    Raises UnusableFile, which quotes nothing of the file.
    """
    first = table.rows[0]
    if _REFERENCE.fullmatch(normalise_reference(first.cell(0))):
        rows: Sequence[TableRow] = table.rows
        places = {"reference": 0, "code": 1}
    else:
        columns = recognise(table, _SPECS)
        if not columns.is_complete:
            raise unusable(
                "le fichier n'a pas une colonne « Référence » et une colonne « Code », une seule de chaque",
                advice="écrire ces deux titres en première ligne ; ou donner deux colonnes sans titre, dans cet ordre",
            )
        rows, places = columns.rows, dict(columns.places)
    codes = [
        TypedCode(row.line, _reference(row.cell(places["reference"])), typed_code(row.cell(places["code"])))
        for row in rows
    ]
    if not codes:
        raise unusable("le fichier n'a aucune ligne sous ses titres", advice="donner une ligne par demande")
    if len(codes) > MOST_TYPED:
        raise unusable(f"plus de {MOST_TYPED} lignes", advice="couper le fichier en plusieurs")
    return codes


def _reference(cell: str) -> str:
    """A cell as a reference, if it has its form: a code put in the wrong column is not to be shown."""
    reference = normalise_reference(cell)
    return reference if _REFERENCE.fullmatch(reference) else ""


def check_codes(engine: Engine, mailer: Mailer, codes: Sequence[TypedCode], actor: Actor) -> list[CheckedCode]:
    """Check what would be done of each line today, all its reasons at once; nothing is written.

    Raises DatabaseBusy, DatabaseUnreachable.
    """
    by_file = _problems_of_file(codes)
    commands = [_command(code) for code in codes]
    with engine.database.read() as connection:
        facts = Loader(connection, mailer.code_statuses, lock=False).load([c for c in commands if c.reference])
    now, checked = engine.clock.now(), list[CheckedCode]()
    for code, command in zip(codes, commands, strict=True):
        reasons, warnings = list(by_file[code.line]), tuple[Reason, ...]()
        known = facts.facts(command)
        if code.reference and code.code:
            decision = decide(known, command, actor, now, engine.policy)
            if isinstance(decision, Refused):
                reasons += decision.reasons
            else:
                warnings = decision.warnings
        place = known.establishment.nom if known.establishment and known.request else ""
        checked.append(CheckedCode(code.line, code.reference, known.request, place, tuple(reasons), warnings))
    return checked


def _problems_of_file(codes: Iterable[TypedCode]) -> dict[int, list[Reason]]:
    codes = list(codes)
    references, clear = Counter(c.reference for c in codes), Counter(c.code for c in codes)
    problems: dict[int, list[Reason]] = {}
    for code in codes:
        said = problems.setdefault(code.line, [])
        if not code.reference:
            said.append(_NO_REFERENCE)
        elif references[code.reference] > 1:
            said.append(_REFERENCE_TWICE)
        if not code.code:
            said.append(_NO_CODE)
        elif clear[code.code] > 1:
            said.append(_CODE_TWICE)
    return problems


def issue_codes(engine: Engine, codes: Sequence[TypedCode], actor: Actor, *, key: str) -> list[CodeResult]:
    """Issue the codes of the lines that can be, in batches; each line has its result. Sent twice, it is done once.

    Raises DatabaseBusy, DatabaseUnreachable before the first batch.
    """
    by_file = _problems_of_file(codes)
    fine = [code for code in codes if not by_file[code.line]]
    commands = [_command(code) for code in fine]
    results = execute_in_batches(
        engine, commands, actor, key=lambda _, batch: key_of(engine.hasher, key, batch)
    )  # fmt: skip
    done = {code.line: result for code, result in zip(fine, results, strict=True)}
    return [
        CodeResult(code.line, code.reference, done.get(code.line) or Refused(tuple(by_file[code.line])))
        for code in codes
    ]


def _command(code: TypedCode) -> IssueCode:
    return IssueCode(reference=code.reference, code=Code(clear=code.code))
