"""The RUPN: identity, same person, one live request (R16 to R19), and the establishment that declares (R12, R13)."""

from collections.abc import Iterator
from typing import Any

from states import refusals
from states.case import Case
from states.facts import Request
from states.refusals import Reason
from states.school_year import SchoolYear
from states.words import clean, fold_mail, mail_problem, name_problem, person_key


def identity_problems(nom: str, prenom: str, mail: str) -> Iterator[Reason]:
    """What is wrong with an identity (R16)."""
    for field, label, problem in (
        ("nom", "Le nom", name_problem(nom)),
        ("prenom", "Le prénom", name_problem(prenom)),
        ("mail", "L'adresse électronique", mail_problem(mail)),
    ):
        if problem:
            yield refusals.bad_field(field, label, problem, "R16")


def duplicate_problems(case: Case[Any], identity: tuple[str, str, str], uai: str, year: SchoolYear,
                       homonym_confirmed: bool) -> Iterator[Reason]:  # fmt: skip
    """Another live request of the same person, in the same establishment and year (R17, R18)."""
    nom, prenom, mail = identity
    same = [r for r in case.facts.others if r.uai == uai and r.school_year == year and r.is_live]
    for other in same:
        if other.folded_mail == fold_mail(mail):
            yield refusals.same_person(other)
            return
    for other in same:
        if other.person == person_key(nom, prenom) and not homonym_confirmed:
            yield refusals.homonym(other)
            return


def establishment_problems(case: Case[Any]) -> Iterator[Reason]:
    """An open establishment with a mailbox (R12, R13, R15)."""
    establishment = case.facts.establishment
    if establishment is None:
        yield refusals.unknown_establishment(case.facts.request.uai if case.facts.request else "", None)
        return
    if not establishment.is_open:
        yield refusals.closed_establishment(establishment.nom)
    if not establishment.mailbox:
        yield refusals.no_mailbox(establishment.nom)


def cleaned(nom: str, prenom: str, mail: str) -> tuple[str, str, str]:
    """An identity as it is stored."""
    return clean(nom), clean(prenom), mail.strip()


def others_warning(case: Case[Any], request: Request) -> Iterator[Reason]:
    """The person's other live requests, told to whoever acts (R19); a chef is told nothing of another school."""
    for other in case.facts.others:
        if not other.is_live or other.reference == request.reference:
            continue
        if not _is_same(other, request):
            continue
        where = f"dans l'établissement {other.uai}"
        if case.actor.is_establishment and other.uai not in case.actor.establishments:
            yield Reason("other_request", "R19", "Une demande est en cours pour cette personne dans un autre"
                         " établissement", "Le rectorat en tient compte.")  # fmt: skip
            continue
        yield Reason(
            "other_request", "R19",
            f"La demande {other.reference} est en cours pour cette personne {where}, en {other.school_year}"
            f" ({other.state.label})", "En tenir compte : une personne n'a qu'une clé.",
        )  # fmt: skip


def _is_same(a: Request, b: Request) -> bool:
    return a.folded_mail == b.folded_mail or a.person == b.person
