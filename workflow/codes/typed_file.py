"""Codes given by a file ``référence;code``: each line is checked before the first is done, and has its result (R98).

No code is shown, nor said by an error: a line is told by its number and its reference.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from notifications.mailer import Mailer
from states.commands import Code, IssueCode
from states.decide import decide
from states.decision import Refused
from states.model import Actor, Request
from states.policy import LONGEST_CODE
from states.refusals import Reason
from states.validation import is_storable, normalise_reference
from workflow.engine.engine import Engine, Result
from workflow.engine.idempotency import key_of
from workflow.engine.loader import Loader
from workflow.engine.sequence import execute_in_batches
from workflow.spreadsheets.columns import ColumnSpec, recognise
from workflow.spreadsheets.reader import Table, TableRow, read_table
from workflow.spreadsheets.unusable import UnusableFile, unusable

MOST: Final = 1000
"""Lines of a file."""

MOST_BYTES: Final = 900_000
"""Bytes of a file: less than what a server would put on its disk while it receives it."""

_SPECS: Final = (
    ColumnSpec("reference", "Référence", ("référence de la demande", "demande", "ref")),
    ColumnSpec("code", "Code", ("code d'initialisation", "code initial", "code oda", "pin", "code pin")),
)

_REFERENCE: Final = re.compile(r"ODA-[0-9]{4}-[0-9]{5,9}")


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


def read_code_file(file: BinaryIO, *, is_complete: bool = False) -> Table:
    """The table of a file; ``is_complete``: somebody vouches for one that looks cut.

    Raises UnusableFile, whose words quote nothing of what may be a code.
    """
    try:
        table = read_table(file, most_bytes=MOST_BYTES, most_rows=MOST + 20)
    except UnusableFile as error:
        raise UnusableFile(_QUOTED.sub("", str(error))) from None
    table.refuse_if_cut(is_complete=is_complete)
    read_codes(table)
    return table


_QUOTED: Final = re.compile(r"\s*(?:«[^»]*»|\([^)]*\))")
"""What a reader of files quotes of one, in its words."""


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
        TypedCode(row.line, _reference(row.cell(places["reference"])), _code(row.cell(places["code"]))) for row in rows
    ]
    if not codes:
        raise unusable("le fichier n'a aucune ligne sous ses titres", advice="donner une ligne par demande")
    if len(codes) > MOST:
        raise unusable(f"plus de {MOST} lignes", advice="couper le fichier en plusieurs")
    return codes


def _reference(cell: str) -> str:
    """What stands for a reference, if it has its form: a code put in the wrong column is not to be shown."""
    reference = normalise_reference(cell)
    return reference if _REFERENCE.fullmatch(reference) else ""


def _code(cell: str) -> str:
    code = "".join(cell.split())[: LONGEST_CODE + 1]
    return code if is_storable(code) else "\N{REPLACEMENT CHARACTER}"


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


def check_codes(engine: Engine, mailer: Mailer, codes: Sequence[TypedCode], actor: Actor) -> list[CheckedCode]:
    """What would be done of each line today, all its reasons at once; nothing is written.

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
