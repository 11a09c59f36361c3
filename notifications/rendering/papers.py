"""The papers that go with mails: which one with which mail, the plain values that fill each, and its PDF (R69).

They are the charter, the slip, the RUPN's sheet, the year-end report. A PDF is accessible (PDF/UA-1), and the same to
the byte each time it is made.
"""

import json
import re
import struct
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import TemplateNotFound

from notifications.messages.catalogue import CATALOGUE, MailContext
from notifications.messages.facts import (
    CodeIssued,
    CodeReissued,
    CodeToRead,
    KeyExtended,
    OnRequest,
    Place,
    SentBack,
    Year,
    YearEndReport,
)
from notifications.rendering.child import ChildStopped, in_child, run_in_child, step
from notifications.rendering.environment import TemplateLoader, own_wordings
from notifications.rendering.markup import single_line
from notifications.vocabulary import Kind
from states import french
from states.vocabulary import Labelled, Step

if TYPE_CHECKING:
    from sqlalchemy import Connection

COMMON: Final = "papers/common.typ"

_MARK: Final = "//: "

_VERSION = re.compile(r"//\s*version\s*:\s*(\S+)\s*")

_PACKAGE = re.compile(r"[\"']@[a-z]+/")

STANDARD: Final = "ua-1"

_AT = re.compile(r"^error: .*\n\s*┌─ .*__typst_py_bytes__\.typ:(\d+):\d+$", re.MULTILINE)

_WARNED_AT = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")

_UNDRAWN = "could not be displayed"

_SIGNS = "–—‘’‚“”„†‡•…‰‹›€™"


class PaperName(Labelled):
    """The papers that the software makes; the value is the name of the template, ``papers/charter.typ``."""

    CHARTER = "charter", "charte"
    HANDOVER_SLIP = "handover_slip", "bordereau de remise"
    FIRST_CONNECTION = "first_connection", "fiche de première connexion"
    YEAR_END_REPORT = "year_end_report", "bilan de fin d'année"
    FIGURES = "figures", "chiffres de l'académie"

    @property
    def template(self) -> str:
        return f"papers/{self.value}.typ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """All that a paper is made of: the same one gives the same PDF whatever has become of the templates since.

    ``filename`` is the attachment's, ``title`` is in French, ``source`` the whole text for typst, ``data`` what the
    template reads as JSON.
    """

    name: PaperName
    filename: str
    title: str
    source: str
    data: dict[str, Any]


class PaperUnmakeable(Exception):
    """A paper cannot be made. ``file`` is the template at fault, ``line`` its line from 1, None when it has none."""

    def __init__(self, file: str, line: int | None, why: str) -> None:
        self.file, self.line, self.why = file, line, why
        where = f"{file}, ligne {line}" if line else file
        super().__init__(f"{where} : {why}")

    def __reduce__(self) -> tuple[type["PaperUnmakeable"], tuple[str, int | None, str]]:
        """It comes back whole from a child process."""
        return type(self), (self.file, self.line, self.why)


def to_json(papers: Iterable[Paper]) -> str:
    """Papers as they are stored with their mail (R56)."""
    return json.dumps([asdict(paper) for paper in papers], ensure_ascii=False)


def from_json(text: str) -> tuple[Paper, ...]:
    """The papers from what ``to_json`` gave, equal to them. Raises ValueError on anything else."""
    try:
        rows = json.loads(text)
        if isinstance(rows, list):
            return tuple(Paper(**{**row, "name": PaperName(row["name"])}) for row in rows)
    except (TypeError, KeyError, ValueError):
        pass
    raise ValueError("these are not stored papers")


def source_of(wordings: TemplateLoader, name: PaperName) -> str:
    """The whole text for typst: the shared part, then the paper's own, each under a line that names its file.

    Raises PaperUnmakeable for a template that is not there, or asks for a package of the Internet.
    """
    return "\n".join(f"{_MARK}{file}\n{template(wordings, file)}" for file in (COMMON, name.template))


def template(wordings: TemplateLoader, file: str) -> str:
    """One template as written. Raises PaperUnmakeable."""
    try:
        text = wordings.source(file).removeprefix("\ufeff")
    except TemplateNotFound:
        raise PaperUnmakeable(file, None, "ce modèle est introuvable") from None
    except UnicodeDecodeError:
        raise PaperUnmakeable(file, None, "ce modèle n'est pas enregistré en UTF-8") from None
    for number, line in enumerate(text.splitlines(), 1):
        if _PACKAGE.search(line) and not line.lstrip().startswith("//"):
            raise PaperUnmakeable(file, number, "un modèle n'emploie aucun paquet : tout doit y être écrit")
    return text


def place_of(source: str, line: int | None) -> tuple[str, int | None]:
    """The file that a line of ``source_of`` comes from and its line there; without a line, the paper's own file."""
    lines = source.split("\n")
    before = lines if line is None else lines[:line]
    starts = [number for number, text in enumerate(before, 1) if text.startswith(_MARK)]
    if not starts:
        return "(modèle)", line
    return before[starts[-1] - 1].removeprefix(_MARK), line and (line - starts[-1])


def charter_version(source: str) -> str:
    """The version that a charter's template bears on its first line, ``// version : 2026-1`` (R69).

    Raises PaperUnmakeable, at line 1, when it is not there.
    """
    match = _VERSION.fullmatch(source.removeprefix("\ufeff").partition("\n")[0].rstrip("\r"))
    if match is None:
        why = "la première ligne doit donner la version de la charte, par exemple « // version : 2026-1 »"
        raise PaperUnmakeable(PaperName.CHARTER.template, 1, why)
    return match[1]


def check_charter(wordings: TemplateLoader, version: str) -> str | None:
    """Compare the charter's template with the setting ``charter.version``: a French sentence; None when they agree
    (R69)."""
    file = PaperName.CHARTER.template
    try:
        own = charter_version(template(wordings, file))
    except PaperUnmakeable as error:
        return str(error)
    if own == version:
        return None
    is_replaced = file in wordings.overridden()
    where = str(wordings.path_of(file)) if is_replaced else f"{file} (modèle livré avec le logiciel)"
    return (
        f"{where}, ligne 1 : ce modèle de charte est en version {own}, et le réglage charter.version dit {version}."
        f" Que faire : régler charter.version sur {own}, ou remplacer le modèle par la charte de l'académie, dont la"
        f" première ligne sera « // version : {version} »"
    )


def papers_of(kind: Kind, facts: Any, context: MailContext, wordings: TemplateLoader) -> tuple[Paper, ...]:
    """The papers attached to a mail of these facts; none for most. Raises PaperUnmakeable."""
    if isinstance(facts, SentBack) and facts.step is not Step.CHARTER:
        return ()
    return tuple(make(facts, context, wordings) for make in _ATTACHED.get(kind, ()))


def charter(facts: OnRequest, context: MailContext, wordings: TemplateLoader) -> Paper:
    """The charter of one request, ready to sign (R27). Raises PaperUnmakeable."""
    data = _request_data(facts)
    return _charter(f"charte-{data['reference']}.pdf", data, context, wordings)


def blank_charter(context: MailContext, wordings: TemplateLoader) -> Paper:
    """A charter to fill in by hand, before any request. Raises PaperUnmakeable."""
    blank = dict.fromkeys(("reference", "establishment", "rupn", "year"))
    return _charter("charte-vierge.pdf", blank, context, wordings)


def handover_slip(
    facts: OnRequest,
    context: MailContext,
    wordings: TemplateLoader,
    *,
    issued_on: date,
    expires_on: date,
    is_new_code: bool,
) -> Paper:
    """The slip that the RUPN signs when the code is handed over (R31); the code is nowhere in it (R60).

    ``expires_on`` is the key's last day; ``is_new_code``: it replaces another. Raises PaperUnmakeable.
    """
    data = _request_data(facts) | {
        "issued_on": french.day(issued_on),
        "expires_on": french.day(expires_on),
        "is_new_code": is_new_code,
        "here": _context_data(context),
    }
    return Paper(
        name=PaperName.HANDOVER_SLIP,
        filename=f"bordereau-{data['reference']}.pdf",
        title=f"Bordereau de remise, {data['rupn']['full']}",
        source=source_of(wordings, PaperName.HANDOVER_SLIP),
        data=data,
    )


def first_connection(facts: OnRequest, context: MailContext, wordings: TemplateLoader, *, has_code: bool) -> Paper:
    """The sheet that tells the RUPN how to connect; no code is on it (R60). Raises PaperUnmakeable.

    ``has_code``: a code is handed over with it; else the person keeps the key in use.
    """
    data = _request_data(facts)
    title = f"Fiche de connexion, {data['rupn']['full']}"
    return _first_connection(f"fiche-{data['reference']}.pdf", title, data | {"has_code": has_code}, context, wordings)


def blank_first_connection(context: MailContext, wordings: TemplateLoader) -> Paper:
    """The same for anybody. Raises PaperUnmakeable."""
    blank: dict[str, Any] = dict.fromkeys(("reference", "establishment", "rupn", "year"))
    title = "Première connexion avec une clé ODA"
    return _first_connection("premiere-connexion.pdf", title, blank | {"has_code": True}, context, wordings)


def _first_connection(
    filename: str, title: str, data: dict[str, Any], context: MailContext, wordings: TemplateLoader
) -> Paper:
    return Paper(
        name=PaperName.FIRST_CONNECTION,
        filename=filename,
        title=title,
        source=source_of(wordings, PaperName.FIRST_CONNECTION),
        data=data | {"here": _context_data(context)},
    )


def year_end_report(facts: YearEndReport, context: MailContext, wordings: TemplateLoader) -> Paper:
    """The operators' report of a year's end (R54). Raises PaperUnmakeable."""
    facts = single_line(facts)
    counts = ("establishments", "revoked", "removals", "questions")
    data = {name: getattr(facts, name) for name in counts} | {
        "year": _year_data(facts.year),
        "departements": [asdict(row) | {"label": _label(row.code)} for row in facts.departements],
        "total": {name: sum(getattr(row, name) for row in facts.departements) for name in counts},
        "without_mailbox": [_place_data(place) for place in facts.without_mailbox],
        "here": _context_data(context),
    }
    return Paper(
        name=PaperName.YEAR_END_REPORT,
        filename=f"bilan-{facts.year.label}.pdf",
        title=f"Bilan de fin d'année scolaire {facts.year.label}",
        source=source_of(wordings, PaperName.YEAR_END_REPORT),
        data=data,
    )


def _label(departement: str) -> str:
    """``31`` for the directory's ``031``, as a reader writes it."""
    return departement[1:] if len(departement) == 3 and departement.startswith("0") else departement or "inconnu"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedTable:
    """A table of texts; the first column names the rows."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """A main figure, and what it was at the earlier date."""

    value: str
    words: str
    before: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BarLength:
    """A figure as text, and its share of the longest bar, from 0 to 1."""

    text: str
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedBar:
    """A row of a chart."""

    name: str
    before: BarLength | None
    now: BarLength


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedChart:
    """Bars of two dates."""

    title: str
    bars: tuple[PrintedBar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedFigures:
    """Figures of the académie at two dates (R99, R100), ``before`` None when one is known; ``empty`` says why if none.

    ``stem`` begins the file's name.
    """

    stem: str
    title: str
    day: date
    before: date | None
    subtitle: str
    headline: tuple[Headline, ...] = ()
    vigilance: tuple[str, ...] = ()
    charts: tuple[PrintedChart, ...] = ()
    tables: tuple[PrintedTable, ...] = ()
    empty: str | None = None


def figures(printed: PrintedFigures, context: MailContext, wordings: TemplateLoader) -> Paper:
    """The figures on paper; nobody is named (R99, R100). Raises PaperUnmakeable."""
    printed = single_line(printed)
    data = asdict(printed) | {
        "day": french.day(printed.day),
        "before": french.day(printed.before) if printed.before else None,
        "here": _context_data(context),
    }
    return Paper(
        name=PaperName.FIGURES,
        filename=f"{printed.stem}-{printed.day.isoformat()}.pdf",
        title=f"{printed.title}, {french.day(printed.day)}",
        source=source_of(wordings, PaperName.FIGURES),
        data=data,
    )


def example_figures(context: MailContext, wordings: TemplateLoader) -> Paper:
    """The same with invented figures, to try a template. Raises PaperUnmakeable."""
    table = PrintedTable(
        title="Établissements", headings=("Département", "Avant", "Maintenant"),
        rows=(("Ariège", "22 %", "54 %"), ("Académie", "24 %", "57 %")), note="Exemple.",
    )  # fmt: skip
    bar = PrintedBar(
        name="Ariège", before=BarLength(text="22", share=0.4), now=BarLength(text="54", share=1.0)
    )  # fmt: skip
    printed = PrintedFigures(
        stem="chiffres", title="Les clés ODA en chiffres", day=date(2027, 6, 20), before=date(2026, 9, 5),
        subtitle="Deux dates", tables=(table,), charts=(PrintedChart(title="Établissements", bars=(bar,)),),
        headline=(Headline(value="57 %", words="des établissements", before="24 %"),),
        vigilance=("l'objectif n'est pas atteint",), empty="Rien encore.",
    )  # fmt: skip
    return figures(printed, context, wordings)


def _slip_of_mail(
    facts: CodeIssued | CodeReissued | CodeToRead, context: MailContext, wordings: TemplateLoader
) -> Paper:
    is_new_code = isinstance(facts, CodeReissued) or (isinstance(facts, CodeToRead) and facts.reason is not None)
    return handover_slip(
        facts, context, wordings, issued_on=facts.issued_on, expires_on=facts.expires_on,
        is_new_code=is_new_code,
    )  # fmt: skip


def _sheet_of_mail(facts: OnRequest, context: MailContext, wordings: TemplateLoader) -> Paper:
    return first_connection(facts, context, wordings, has_code=not isinstance(facts, KeyExtended))


def _charter(filename: str, data: dict[str, Any], context: MailContext, wordings: TemplateLoader) -> Paper:
    version = charter_version(template(wordings, PaperName.CHARTER.template))
    rupn = data["rupn"]
    return Paper(
        name=PaperName.CHARTER,
        filename=filename,
        title=f"Charte d'usage de la clé ODA, {rupn['full'] if rupn else 'à remplir'}",
        source=source_of(wordings, PaperName.CHARTER),
        data=data | {"version": version, "here": _context_data(context)},
    )


def _request_data(facts: OnRequest) -> dict[str, Any]:
    facts = single_line(facts)
    return {
        "reference": facts.reference,
        "establishment": _place_data(facts.establishment),
        "rupn": asdict(facts.rupn) | {"full": facts.rupn.full},
        "year": _year_data(facts.year),
    }


def _place_data(place: Place) -> dict[str, Any]:
    return asdict(place) | {"full": place.full}


def _year_data(year: Year) -> dict[str, Any]:
    return {"label": year.label, "last_day": french.day(year.last_day), "is_default": year.is_default}


def _context_data(context: MailContext) -> dict[str, str | None]:
    context = single_line(context)
    names = (
        "academie", "signature", "contact", "delegce_module", "portal", "data_protection", "oda_address", "rupn_page",
    )  # fmt: skip
    own = {"de_academie": french.de(context.academie), "request_keep_months": str(context.request_keep_months)}
    return {name: getattr(context, name) for name in names} | own


_ATTACHED: Final[dict[Kind, tuple[Callable[[Any, MailContext, TemplateLoader], Paper], ...]]] = {
    Kind.DELEGATED: (charter,),
    Kind.SENT_BACK: (charter,),
    Kind.CODE_ISSUED: (_slip_of_mail, _sheet_of_mail),
    Kind.CODE_REISSUED: (_slip_of_mail, _sheet_of_mail),
    Kind.CODE_TO_READ: (_slip_of_mail, _sheet_of_mail),
    Kind.KEY_EXTENDED: (_sheet_of_mail,),
    Kind.YEAR_END_REPORT: (year_end_report,),
}


def compile_paper(paper: Paper, made_at: datetime) -> bytes:
    """The PDF. ``made_at`` (aware) is the date that it bears; neither the machine's fonts nor its time zone count.

    Nothing but the paper is read: no file, no network; one of the académie's own is made in a child process. A
    character that no embedded font can draw becomes « ? »: a paper is made whatever the name. Raises PaperUnmakeable,
    with the template's file and line.
    """
    if made_at.tzinfo is None:
        raise ValueError("a naive datetime was given where an instant is meant")
    is_trusted = in_child() or paper.source == source_of(own_wordings(), paper.name)
    make = _compiled if is_trusted else _compiled_in_child
    for drawable in (
        lambda _: True,
        lambda char: _western(char) or unicodedata.name(char, "").startswith("LATIN"),
        _western,
    ):
        try:
            return make(paper.source, _with_drawable(paper.data, drawable), int(made_at.timestamp()))
        except PaperUnmakeable as error:
            if _UNDRAWN not in error.why or drawable is _western:
                raise
    raise AssertionError("the last attempt returns or raises")


def _compiled_in_child(source: str, data: Any, at: int) -> bytes:
    """A paper of the académie's own templates: one that hangs, or is too large, stops nothing else."""
    try:
        content: bytes = run_in_child(f"{__name__}:compiled", source, data, at)
    except ChildStopped as stopped:
        raise _unmakeable(source, None, stopped.why) from None
    return content


def compiled(source: str, data: Any, at: int) -> bytes:
    """The PDF of a text for typst. Raises PaperUnmakeable."""
    with step(""):
        return _compiled(source, data, at)


def _compiled(source: str, data: Any, at: int) -> bytes:
    import typst  # 80 MB: paid by who makes a paper, and nobody else

    with tempfile.TemporaryDirectory(prefix="oda-paper-") as root:
        try:
            compiler = typst.Compiler(
                source.encode(), root=root, font_paths=_fonts(), ignore_system_fonts=True,
                sys_inputs={"data": json.dumps(data)}, package_path=root, package_cache_path=root,
            )  # fmt: skip
            content, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards=STANDARD, timestamp=at)
        except typst.TypstError as error:
            where = _AT.search(error.diagnostic)
            why = "; ".join([error.message, *error.hints]).replace(root, "")
            raise _unmakeable(source, where, f"typst refuse ce modèle ({why})") from None
        except BaseException as error:
            # A bug of typst itself arrives as a panic, which is no Exception: it must not stop all other mails.
            if type(error).__name__ != "PanicException":
                raise
            raise _unmakeable(source, None, "typst s'est arrêté en composant ce modèle") from None
    for warning in warnings:
        if "unknown font family" in warning.message:
            where = _WARNED_AT.search(warning.diagnostic)
            raise _unmakeable(source, where, f"cette police n'est pas de celles de typst ({warning.message})")
    return bytes(content)  # type: ignore[arg-type]  # a list of pages for an image, bytes for a PDF


_FACES: Final = ("Marianne-Regular", "Marianne-Bold", "Marianne-Regular_Italic", "Marianne-Bold_Italic")

_EVERY_FACE: Final = b'#set text(font: "Marianne")\nA *A* _A_ *_A_*'
"""A text in each of them: typst reads a file when it first needs it, and keeps what it read."""


@cache
def _fonts() -> Any:
    """The State's own typeface, from the package of its design system, beside those that typst brings along."""
    import typst

    package = find_spec("dsfr")
    if package is None or package.origin is None:
        raise RuntimeError("the package django-dsfr is not installed")
    folder = Path(package.origin).parent / "static" / "dsfr" / "dist" / "fonts"
    with tempfile.TemporaryDirectory(prefix="oda-fonts-") as place:
        for face in _FACES:
            (Path(place) / f"{face}.ttf").write_bytes(_unpacked((folder / f"{face}.woff").read_bytes()))
        fonts = typst.Fonts(include_system_fonts=False, font_paths=[place])
        typst.Compiler(_EVERY_FACE, root=place, font_paths=fonts, ignore_system_fonts=True).compile()
    return fonts


def _unpacked(woff: bytes) -> bytes:
    """The font of a WOFF 1.0 file, which typst does not read: the same tables, each compressed by itself."""
    flavor, tables = woff[4:8], int.from_bytes(woff[12:14], "big")
    power = tables.bit_length() - 1
    head = flavor + struct.pack(">4H", tables, 16 << power, power, 16 * tables - (16 << power))
    body, start = b"", len(head) + 16 * tables
    for entry in struct.iter_unpack(">4s4I", woff[44 : 44 + 20 * tables]):
        tag, offset, packed, size, checksum = entry
        table = woff[offset : offset + packed]
        table = zlib.decompress(table) if packed < size else table
        head += struct.pack(">4s3I", tag, checksum, start + len(body), size)
        body += table + bytes(-size % 4)
    return head + body


def _unmakeable(source: str, where: re.Match[str] | None, why: str) -> PaperUnmakeable:
    return PaperUnmakeable(*place_of(source, int(where[1]) if where else None), why)


def _western(char: str) -> bool:
    return " " <= char <= "~" or "\xa0" <= char <= "\u017f" or char in _SIGNS


def _with_drawable(value: Any, drawable: Callable[[str], bool]) -> Any:
    """The same plain values with « ? » for what is not drawable."""
    if isinstance(value, str):
        return "".join(char if drawable(char) else "?" for char in value)
    if isinstance(value, list | tuple):
        return [_with_drawable(item, drawable) for item in value]
    if isinstance(value, dict):
        return {key: _with_drawable(item, drawable) for key, item in value.items()}
    return value


def stored_year_end_report(
    connection: "Connection", year: str, context: MailContext, wordings: TemplateLoader, now: datetime
) -> tuple[Paper, datetime] | None:
    """The latest report of that school year (``2026-2027``) and the instant that it bears; None when there is none.

    One whose mail has its words is the attached one itself; else it is made as it would leave ``now``. Raises
    PaperUnmakeable.
    """
    from sqlalchemy import select  # the child process that makes papers has no use for a database

    from notifications.outbox.store import COLUMNS, MAILS, mail_from

    reports = (MAILS.c.kind == Kind.YEAR_END_REPORT.value, MAILS.c.uai.is_(None))  # the second is an index
    rows = connection.execute(select(*COLUMNS).where(*reports).order_by(MAILS.c.id.desc()))
    for mail in map(mail_from, rows):
        facts = CATALOGUE[mail.kind].decode(mail.context)
        if facts.year.label == year:
            if mail.papers and mail.dated_at:
                return from_json(mail.papers)[0], mail.dated_at
            return papers_of(mail.kind, facts, context, wordings)[0], now
    return None
