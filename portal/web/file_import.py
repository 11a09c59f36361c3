"""The two steps of every import by page: a file is given, what was understood is shown, one button does it (R91).

A file is read in memory and stored nowhere; what was read of it waits between the two, encrypted, for the operator who
gave it. An import says what is its own by a subclass of ``FileImport``; its pages are made by ``import_pages``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from portal.middleware import LARGEST, LARGEST_FILE, widen_for_file
from portal.server import DRAINED
from portal.web.context import AnyVisitor, Context, Forged, Operator, Posted, WebContext, proven_operator
from portal.web.forms import GIVEN_BACK, Field, Form, Shape, blank, filled
from portal.web.security import Visitor, comes_from_here, has_csrf
from states.refusals import Reason
from workflow.database.clock import ClockRefused
from workflow.settings.yaml_reader import quote
from workflow.spreadsheets.columns import Choice, Columns, ColumnSpec, letter
from workflow.spreadsheets.reader import Table, read_table
from workflow.spreadsheets.staged_imports import StagedFile
from workflow.spreadsheets.workbook import UnusableFile

SHOWN: Final = 200
"""Rows of each list that a preview shows."""

SAMPLE: Final = 3
"""Values shown of each column to choose."""

MOST_COLUMNS: Final = 200
"""Columns shown."""

MOST_ROWS: Final = 20_000
"""Rows of a file given to a page; the command takes more."""

GONE: Final = (
    "Ce qui avait été lu n'attend plus : une heure a passé, un autre fichier l'a remplacé, ou c'est déjà fait."
    " Donner le fichier de nouveau."
)

WHOLE: Final = Field(
    name="entier", label="Le fichier est entier, bien qu'il ait l'air coupé", shape=Shape.CHECK,
    hint="À cocher après avoir vérifié que toutes ses lignes y sont.",
    missing="Vérifier que le fichier est entier, puis cocher cette case ; sinon, donner le fichier entier.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file, read in memory and stored nowhere; ``content`` is empty without a file.

    ``too_large``: nothing of it was read. ``is_given_back``: it came after the end of its session, and is only shown
    again, without its file (R73).
    """

    fields: FormData
    content: bytes = b""
    too_large: bool = False

    @property
    def is_given_back(self) -> bool:
        return GIVEN_BACK in self.fields

    def text(self, name: str) -> str:
        """The text of a field; empty when it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


class MemoryParser(MultiPartParser):
    """A form of several parts whose file never leaves the memory: what a person gives is on no disk of ours (R91)."""

    spool_max_size = LARGEST_FILE + 1


async def form_with_file(request: Request) -> FormData:
    """The form of several parts with its file, in memory. Raises MultiPartException, KeyError, HTTPException."""
    return await MemoryParser(request.headers, request.stream(), max_files=1, max_fields=20).parse()


def _announces_more(request: Request, largest: int) -> bool:
    """True for a body that is refused before it is read, and whose rest is thrown away."""
    announced = request.headers.get("content-length", "")
    return announced.isdecimal() and largest < int(announced) <= DRAINED


async def imported_file(request: Request, context: Context, visitor: Operator) -> Upload:
    """The form of an import, with the file of its field ``fichier``, larger than any other form may be (R87, R91).

    Raises Forged, HTTPException; Forbidden, before anything of the file is read, for who is no operator.
    """
    if _announces_more(request, LARGEST_FILE):
        return Upload(FormData(), too_large=True)
    widen_for_file(request.scope)
    # what was kept of a form with a file comes back as a form without one
    is_given_back = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    try:
        fields = await (request.form(max_files=0, max_fields=21) if is_given_back else form_with_file(request))
    except (MultiPartException, KeyError):
        raise Forged from None  # what no browser sends
    return await _upload_of(request, context, visitor, fields)


ImportedFile = Annotated[Upload, Depends(imported_file)]


async def uploaded(request: Request, context: Context, visitor: AnyVisitor) -> Upload:
    """The form, with the file of its field ``fichier``. Raises Forged, HTTPException."""
    if _announces_more(request, LARGEST):
        return Upload(FormData(), too_large=True)
    try:
        fields = await request.form(max_files=1, max_fields=20, max_part_size=LARGEST)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise Forged from None  # what no browser sends
    return await _upload_of(request, context, visitor, fields)


async def _upload_of(request: Request, context: WebContext, visitor: Visitor, fields: FormData) -> Upload:
    """The file and the fields, once they have come. Raises Forged."""
    file = fields.get("fichier")
    content = await file.read() if isinstance(file, UploadFile) else b""
    await fields.close()
    if not comes_from_here(request, context.settings.address) or not has_csrf(fields, visitor.secret):
        raise Forged
    return Upload(fields, b"" if GIVEN_BACK in fields else content)


Uploaded = Annotated[Upload, Depends(uploaded)]


@dataclass(frozen=True, slots=True)
class PreviewLink:
    """A cell of a preview that leads to a page."""

    text: str
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewList:
    """A list of a preview: what is new, changed, gone, refused… ``rows`` may be cut to ``SHOWN``; ``count`` is not."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str | PreviewLink]]
    count: int
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportPreview:
    """The effect that an import would have.

    ``summary``: French sentences, the first of them said large. ``confirmations``: boxes to tick before the button
    works, each for something that a person must judge. ``changes_something`` False: there is no button.
    """

    summary: Sequence[str]
    lists: Sequence[PreviewList] = ()
    confirmations: Sequence[Field] = ()
    changes_something: bool = True
    button: str = "Importer"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadyImport:
    """A file that was read and whose columns are known; ``values`` are those typed beside it, by field."""

    table: Table
    columns: Columns
    values: Mapping[str, Any] = field(default_factory=dict)
    is_complete: bool = False
    """Somebody vouches for a file that looks cut."""


class ImportRefused(Exception):
    """An import that the rules refuse once it is confirmed; the preview is shown again with the reasons."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(map(str, reasons)))
        self.reasons = tuple(reasons)


class FileImport(ABC):
    """One kind of import by page. ``above`` are the steps of the breadcrumb; ``kind`` names the choice of columns."""

    kind: str
    path: str
    title: str
    above: Sequence[tuple[str, str]]
    specs: Sequence[ColumnSpec]
    lead: str = "Rien n'est fait tout de suite : la page suivante montre ce qui a été compris."
    help_template: str = ""
    """A template shown below the form: what the file is, and where it comes from."""
    most_rows: int = MOST_ROWS
    needs_proof: bool = False
    """It may move many mailboxes: who imports proves anew who they are (R105)."""

    def fields(self, context: WebContext) -> Sequence[Field]:  # noqa: ARG002 - of those who have some
        """The fields typed beside the file."""
        return ()

    def prepared(self, table: Table) -> Table:
        """The table as its columns are looked for in it: of a form of file that has no titles, with some."""
        return table

    def specs_of(self, table: Table) -> Sequence[ColumnSpec]:  # noqa: ARG002 - of those who read several forms
        """The columns to look for in this table: ``specs``, unless it has another form."""
        return self.specs

    @abstractmethod
    def preview(self, context: WebContext, visitor: Visitor, ready: ReadyImport) -> ImportPreview:
        """Say what the import would do, writing nothing. Raises UnusableFile, ImportRefused."""

    @abstractmethod
    def confirm(self, context: WebContext, visitor: Visitor, ready: ReadyImport, ticked: Sequence[str]) -> str:
        """Do it; return what was done, a sentence without capital nor full stop. Raises UnusableFile, ImportRefused.

        ``ticked``: the names of the confirmations that were ticked.
        """

    def done_path(self) -> str:
        """The page that says what was done."""
        return self.above[-1][0]


def import_pages(page: FileImport) -> APIRouter:
    """The routes of an import: its form, its preview, the choice of columns, the confirmation, the way back."""
    router = APIRouter(prefix=page.path, include_in_schema=False)
    proof = [Depends(proven_operator)] if page.needs_proof else []

    @router.get("", dependencies=proof)
    def show_form(request: Request, context: Context, visitor: Operator) -> Response:
        return _render_form(page, request, context, visitor, blank(page.fields(context)))

    @router.post("", dependencies=proof)
    def read_file(request: Request, context: Context, visitor: Operator, upload: ImportedFile) -> Response:
        form = filled(page.fields(context), upload.fields)
        if upload.is_given_back:
            return _render_form(page, request, context, visitor, form)
        try:
            table = _table_of(page, upload)
            if not form.is_right:
                return _render_form(page, request, context, visitor, form)
            typed = {state.field.name: state.text for state in form.fields}
            staged = StagedFile(table=table, typed=typed)
            secret = context.app.staged_imports.keep(page.kind, visitor.actor, staged)
        except UnusableFile as unusable:
            return _render_form(page, request, context, visitor, form, problem=str(unusable))
        return _render_preview(page, request, context, visitor, secret, staged)

    @router.post("/colonnes")
    def choose_columns(request: Request, context: Context, visitor: Operator, data: Posted) -> Response:
        secret, staged = _staged(page, context, visitor, data)
        if staged is None:
            return _render_form(page, request, context, visitor, blank(page.fields(context)), problem=GONE)
        chosen = {spec.key: str(data.get(_field_name(spec)) or "") for spec in page.specs_of(staged.table)}
        places = {key: int(text) if text.isascii() and text.isdecimal() else None for key, text in chosen.items()}
        staged = staged.with_choice(places)
        try:
            columns = _columns(page, context, staged.table, staged.choice)
        except UnusableFile as unusable:
            return _render_preview(page, request, context, visitor, secret, staged, problem=str(unusable))
        context.app.staged_imports.replace(page.kind, visitor.actor, secret, staged)
        if columns.is_complete:
            context.app.column_choices.keep(page.kind, columns)
        return _render_preview(page, request, context, visitor, secret, staged)

    @router.post("/confirmer", dependencies=proof)
    def confirm_import(request: Request, context: Context, visitor: Operator, data: Posted) -> Response:
        secret, staged = _staged(page, context, visitor, data)
        if staged is None:
            return _render_form(page, request, context, visitor, blank(page.fields(context)), problem=GONE)
        return _confirm(page, request, context, visitor, secret, staged, data)

    @router.post("/abandonner")
    def give_up(context: Context, visitor: Operator, data: Posted) -> Response:
        context.app.staged_imports.erase(page.kind, visitor.actor, str(data.get("attente") or ""))
        return context.success_messages.redirect(
            visitor, page.path, "ce qui avait été lu est effacé, rien n'a changé"
        )  # fmt: skip

    return router


def _table_of(page: FileImport, upload: Upload) -> Table:
    if upload.too_large:
        raise UnusableFile(
            "Le fichier dépasse 20 Mo. Que faire : n'exporter que ce qui concerne l'académie, ou le donner à la"
            " commande « oda import »."
        )
    if not upload.content:
        raise UnusableFile(
            "Aucun fichier n'a été donné, ou il est vide. Que faire : choisir un fichier qui ne l'est pas."
        )
    return page.prepared(read_table(BytesIO(upload.content), most_rows=page.most_rows))


def _staged(
    page: FileImport, context: WebContext, visitor: Visitor, data: FormData
) -> tuple[str, StagedFile | None]:  # fmt: skip
    secret = str(data.get("attente") or "")
    return secret, context.app.staged_imports.find(page.kind, visitor.actor, secret)


def _confirm(
    page: FileImport,
    request: Request,
    context: WebContext,
    visitor: Visitor,
    secret: str,
    staged: StagedFile,
    data: FormData,
) -> Response:
    try:
        ready = _ready(page, context, staged, is_complete=bool(data.get(WHOLE.name)))
        if ready is None:
            return _render_preview(page, request, context, visitor, secret, staged)
        preview = page.preview(context, visitor, ready)
        form = filled(_confirmations(staged, preview), data)
        if not form.is_right or not preview.changes_something:
            return _render_preview(page, request, context, visitor, secret, staged, form=form)
        sentence = page.confirm(context, visitor, ready, [name for name, value in form.values.items() if value])
    except UnusableFile as unusable:
        return _render_preview(page, request, context, visitor, secret, staged, problem=str(unusable))
    except (ImportRefused, ClockRefused) as refused:
        return _render_preview(page, request, context, visitor, secret, staged, reasons=refused.reasons)
    context.app.staged_imports.erase(page.kind, visitor.actor, secret)
    return context.success_messages.redirect(visitor, page.done_path(), sentence)


def _columns(page: FileImport, context: WebContext, table: Table, choice: Choice | None = None) -> Columns:
    return context.app.column_choices.recognise(page.kind, table, page.specs_of(table), choice)


def _ready(page: FileImport, context: WebContext, staged: StagedFile, *, is_complete: bool) -> ReadyImport | None:
    """The file with its columns; None while a column is still to be chosen. Raises UnusableFile."""
    columns = _columns(page, context, staged.table, staged.choice)
    if not columns.is_complete:
        return None
    fields = {field.name: field for field in page.fields(context)}
    values = {name: fields[name].read(text) for name, text in staged.typed.items() if name in fields}
    return ReadyImport(table=staged.table, columns=columns, values=values, is_complete=is_complete)


def _confirmations(staged: StagedFile, preview: ImportPreview) -> Sequence[Field]:
    return [*([WHOLE] if staged.table.signs_of_cut else []), *preview.confirmations]


def _field_name(spec: ColumnSpec) -> str:
    return f"colonne-{spec.key}"


def _column_fields(columns: Columns) -> list[Field]:
    """A choice for each column that the import reads, among those of the file."""
    options = tuple(
        (str(place), f"{letter(place)} : {title[:60] or '(sans titre)'}")
        for place, title in enumerate(columns.titles.cells)
    )
    return [
        Field(
            name=_field_name(spec), label=spec.title, shape=Shape.SELECT, required=spec.required, options=options,
            value=str(columns.places[spec.key]) if spec.key in columns.places else "",
        )
        for spec in columns.specs
    ]  # fmt: skip


def _sample(columns: Columns) -> list[tuple[str, str, list[str]]]:
    """The letter of each column of the file, its title, and its first values: they help to choose."""
    first = columns.rows[:SAMPLE]
    return [
        (letter(place), title, [quote(row.cell(place), 40) for row in first if row.cell(place)])
        for place, title in enumerate(columns.titles.cells[:MOST_COLUMNS])
    ]


def _render_form(
    page: FileImport, request: Request, context: WebContext, visitor: Visitor, form: Form, *, problem: str = ""
) -> Response:
    status = 422 if problem or form.errors else 200
    return context.pages.page(
        request, "rectorat/file_import.html", visitor, status=status, page=page, form=form, problem=problem
    )


def _render_preview(
    page: FileImport, request: Request, context: WebContext, visitor: Visitor, secret: str, staged: StagedFile, *,
    form: Form | None = None, problem: str = "", reasons: Sequence[Reason] = (),
) -> Response:  # fmt: skip
    """The page of what was understood; or the columns to choose, while one is missing or named twice."""
    preview: ImportPreview | None = None
    try:
        columns = _columns(page, context, staged.table, staged.choice)
        ready = _ready(page, context, staged, is_complete=True)
        preview = page.preview(context, visitor, ready) if ready else None
    except UnusableFile as unusable:
        columns, problem = _columns(page, context, staged.table), problem or str(unusable)
    except (ImportRefused, ClockRefused) as refused:
        reasons = reasons or refused.reasons
    if preview and form is None:
        form = blank(_confirmations(staged, preview))
    is_wrong = problem or reasons or (form and form.errors)
    return context.pages.page(
        request, "rectorat/file_import_preview.html", visitor, status=422 if is_wrong else 200, page=page,
        table=staged.table, columns=columns, choose=blank(_column_fields(columns)), sample=_sample(columns),
        preview=preview, secret=secret, form=form or blank(()), problem=problem, reasons=reasons, shown=SHOWN,
    )  # fmt: skip
