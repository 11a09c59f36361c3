"""Papers made for tests, and what is read back of a PDF."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jinja2 import ChoiceLoader, DictLoader, PackageLoader
from pypdf import PdfReader

from notifications.authoring.examples import CLAIRE, EXAMPLES, MAIL_CONTEXT
from notifications.messages.facts import Person
from notifications.rendering.environment import TemplateLoader
from notifications.rendering.papers import Paper, compile_paper, papers_of
from notifications.vocabulary import Kind
from states.vocabulary import Step

AT = datetime(2026, 9, 14, 8, 30, tzinfo=UTC)
_SLIP, _SHEET = "bordereau-ODA-2027-00042.pdf", "fiche-ODA-2027-00042.pdf"

FILES = {
    Kind.DELEGATED: ("charte-ODA-2027-00042.pdf",),
    Kind.SENT_BACK: ("charte-ODA-2027-00042.pdf",),
    Kind.CODE_ISSUED: (_SLIP, _SHEET),
    Kind.CODE_REISSUED: (_SLIP, _SHEET),
    Kind.CODE_TO_READ: (_SLIP, _SHEET),
    Kind.KEY_EXTENDED: (_SHEET,),
    Kind.YEAR_END_REPORT: ("bilan",),
}
"""The papers of each kind of mail; a report's name goes on with its year."""

WITH_PAPER = {
    name: tuple(f"bilan-{facts.year.label}.pdf" if file == "bilan" else file for file in FILES[kind])
    for name, (kind, facts) in EXAMPLES.items()
    if kind in FILES and (kind is not Kind.SENT_BACK or facts.step is Step.CHARTER)
}
"""The examples that have papers, and their names."""


def paper(example: str, wordings: TemplateLoader | None = None, **changes: Any) -> Paper:
    """The first paper of an example, some of its facts replaced."""
    kind, facts = EXAMPLES[example]
    first, *_ = papers_of(kind, replace(facts, **changes), MAIL_CONTEXT, wordings or TemplateLoader())
    return first


def of_person(**changes: str) -> Paper:
    """The charter of somebody else."""
    who: Person = replace(CLAIRE, **changes)
    return paper("delegated", rupn=who)


def rewritten(name: str, text: str) -> TemplateLoader:
    """The wordings of an académie that replaces one template."""
    return TemplateLoader(loader=ChoiceLoader([DictLoader({name: text}), PackageLoader("notifications", "templates")]))


def reader(document: Paper) -> PdfReader:
    return PdfReader(io.BytesIO(compile_paper(document, AT)))


def text_of(document: Paper) -> str:
    """The words of every page, one space between two."""
    read = " ".join(page.extract_text() for page in reader(document).pages)
    return " ".join(read.replace("\u200b", "").replace("\u00a0", " ").split())
