"""Which papers go with which mail, and what fills each: plain values, as the templates read them (R69)."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from notifications.contexts import (
    CodeIssued,
    CodeReissued,
    DepartementCount,
    OnRequest,
    Place,
    SentBack,
    Year,
    YearEndReport,
)
from notifications.papers.model import Paper, PaperName
from notifications.papers.sources import charter_version, source_of, template
from notifications.surroundings import Surroundings
from notifications.typography import tame
from notifications.vocabulary import Kind
from notifications.wordings import Wordings
from states import french
from states.vocabulary import Step


def papers_of(kind: Kind, facts: Any, here: Surroundings, wordings: Wordings) -> tuple[Paper, ...]:
    """The papers attached to a mail of these facts; none for most. Raises PaperUnmakeable."""
    make = _ATTACHED.get(kind)
    if make is None or (isinstance(facts, SentBack) and facts.step is not Step.CHARTER):
        return ()
    return (make(facts, here, wordings),)


def charter(facts: OnRequest, here: Surroundings, wordings: Wordings) -> Paper:
    """The charter of one request, ready to sign (R27). Raises PaperUnmakeable."""
    told = _on_request(facts)
    return _charter(f"charte-{told['reference']}.pdf", told, here, wordings)


def blank_charter(here: Surroundings, wordings: Wordings) -> Paper:
    """A charter to fill in by hand, before any request. Raises PaperUnmakeable."""
    nothing = dict.fromkeys(("reference", "establishment", "rupn", "year"))
    return _charter("charte-vierge.pdf", nothing, here, wordings)


def handover_slip(
    facts: OnRequest, here: Surroundings, wordings: Wordings, *, issued_on: date, expires_on: date, is_new_code: bool
) -> Paper:
    """What the RUPN signs when the code is handed over (R31); the code is nowhere in it (R60).

    ``expires_on`` is the key's last day; ``is_new_code``: it replaces another. Raises PaperUnmakeable.
    """
    told = _on_request(facts)
    data = told | {
        "issued_on": french.day(issued_on),
        "expires_on": french.day(expires_on),
        "is_new_code": is_new_code,
        "here": _here(here),
    }
    return Paper(
        name=PaperName.HANDOVER_SLIP,
        filename=f"bordereau-{told['reference']}.pdf",
        title=f"Bordereau de remise, {told['rupn']['full']}",
        source=source_of(wordings, PaperName.HANDOVER_SLIP),
        data=data,
    )


def year_end_report(facts: YearEndReport, here: Surroundings, wordings: Wordings) -> Paper:
    """The operators' report of a year's end (R54). Raises PaperUnmakeable."""
    facts = tame(facts)
    counts = ("establishments", "revoked", "removals", "questions")
    data = {name: getattr(facts, name) for name in counts} | {
        "year": _year(facts.year),
        "departements": [asdict(one) | {"label": _label(one)} for one in facts.departements],
        "total": {name: sum(getattr(one, name) for one in facts.departements) for name in counts},
        "without_mailbox": [_place(one) for one in facts.without_mailbox],
        "here": _here(here),
    }
    return Paper(
        name=PaperName.YEAR_END_REPORT,
        filename=f"bilan-{facts.year.label}.pdf",
        title=f"Bilan de fin d'année scolaire {facts.year.label}",
        source=source_of(wordings, PaperName.YEAR_END_REPORT),
        data=data,
    )


def _slip_of_mail(facts: CodeIssued | CodeReissued, here: Surroundings, wordings: Wordings) -> Paper:
    return handover_slip(
        facts, here, wordings, issued_on=facts.issued_on, expires_on=facts.expires_on,
        is_new_code=isinstance(facts, CodeReissued),
    )  # fmt: skip


def _charter(filename: str, told: dict[str, Any], here: Surroundings, wordings: Wordings) -> Paper:
    version = charter_version(template(wordings, PaperName.CHARTER.template))
    rupn = told["rupn"]
    return Paper(
        name=PaperName.CHARTER,
        filename=filename,
        title=f"Charte d'usage de la clé ODA, {rupn['full'] if rupn else 'à remplir'}",
        source=source_of(wordings, PaperName.CHARTER),
        data=told | {"version": version, "here": _here(here)},
    )


def _on_request(facts: OnRequest) -> dict[str, Any]:
    facts = tame(facts)
    return {
        "reference": facts.reference,
        "establishment": _place(facts.establishment),
        "rupn": asdict(facts.rupn) | {"full": facts.rupn.full},
        "year": _year(facts.year),
    }


def _place(place: Place) -> dict[str, Any]:
    return asdict(place) | {"full": place.full}


def _year(year: Year) -> dict[str, Any]:
    return {"label": year.label, "last_day": french.day(year.last_day), "is_default": year.is_default}


def _here(here: Surroundings) -> dict[str, str]:
    here = tame(here)
    told = {name: getattr(here, name) for name in ("academie", "signature", "contact", "delegce_module")}
    return told | {"de_academie": french.de(here.academie)}


def _label(one: DepartementCount) -> str:
    """``31`` for the directory's ``031``, as a reader writes it."""
    return one.code[1:] if len(one.code) == 3 and one.code.startswith("0") else one.code or "inconnu"


_ATTACHED: Final[dict[Kind, Callable[[Any, Surroundings, Wordings], Paper]]] = {
    Kind.DELEGATED: charter,
    Kind.SENT_BACK: charter,
    Kind.CODE_ISSUED: _slip_of_mail,
    Kind.CODE_REISSUED: _slip_of_mail,
    Kind.YEAR_END_REPORT: year_end_report,
}
