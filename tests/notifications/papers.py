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
from notifications.rendering.papers import Paper, papers_of
from notifications.rendering.pdf import compile_paper

AT = datetime(2026, 9, 14, 8, 30, tzinfo=UTC)
WITH_PAPER = {
    "delegated": "charte-ODA-2027-00042.pdf",
    "delegated_by_operator": "charte-ODA-2027-00042.pdf",
    "sent_back_charter": "charte-ODA-2027-00042.pdf",
    "code_issued": "bordereau-ODA-2027-00042.pdf",
    "code_reissued": "bordereau-ODA-2027-00042.pdf",
    "code_reissued_answer": "bordereau-ODA-2027-00042.pdf",
    "key_extended": "fiche-ODA-2027-00042.pdf",
    "year_end_report": "bilan-2027-2028.pdf",
    "year_end_report_one": "bilan-2026-2027.pdf",
}
"""The examples that have a paper, and the name of the first."""

WITH_SHEET = ("code_issued", "code_reissued", "code_reissued_answer")
"""Those whose second paper is the sheet for the RUPN."""


def paper(example: str, wordings: TemplateLoader | None = None, **changes: Any) -> Paper:
    """The first paper of an example, some of its facts replaced."""
    kind, facts = EXAMPLES[example]
    made, *_ = papers_of(kind, replace(facts, **changes), MAIL_CONTEXT, wordings or TemplateLoader())
    return made


def of_person(**changes: str) -> Paper:
    """The charter of somebody else."""
    who: Person = replace(CLAIRE, **changes)
    return paper("delegated", rupn=who)


def rewritten(name: str, text: str) -> TemplateLoader:
    """The wordings of an académie that replaces one template."""
    return TemplateLoader(loader=ChoiceLoader([DictLoader({name: text}), PackageLoader("notifications", "templates")]))


def reader(made: Paper) -> PdfReader:
    return PdfReader(io.BytesIO(compile_paper(made, AT)))


def text_of(made: Paper) -> str:
    """The words of every page, one space between two."""
    read = " ".join(page.extract_text() for page in reader(made).pages)
    return " ".join(read.replace("\u200b", "").replace("\u00a0", " ").split())
