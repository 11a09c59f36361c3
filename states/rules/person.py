"""The RUPN: identity, same person, one live request (R16 to R19), and the establishment that declares (R12, R13)."""

from collections.abc import Iterator
from typing import Any

from states import refusals
from states import refusals_establishment as more
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
    mine = [r for r in same if r.folded_mail == fold_mail(mail)]
    homonyms = [r for r in same if r not in mine and r.person == person_key(nom, prenom)]
    yield from (more.same_person(other) for other in mine[:1])
    if not homonym_confirmed:
        yield from (more.homonym(other) for other in homonyms[:1])


def establishment_problems(case: Case[Any]) -> Iterator[Reason]:
    """An open establishment with a mailbox (R12, R13, R15)."""
    establishment = case.facts.establishment
    if establishment is None:
        yield refusals.unknown_establishment(case.facts.request.uai if case.facts.request else "", None)
        return
    if not establishment.is_open:
        yield more.closed_establishment(establishment.nom)
    if not establishment.mailbox:
        yield more.no_mailbox(establishment.nom)


def cleaned(nom: str, prenom: str, mail: str) -> tuple[str, str, str]:
    """An identity as it is stored."""
    return clean(nom), clean(prenom), mail.strip()


def others_warning(case: Case[Any], request: Request) -> Iterator[Reason]:
    """The person's other live requests, told to whoever acts (R19).

    A chef is told nothing of another school, of nobody whom the name alone presumes to be the same, and nothing of the
    year before or after of the very request: it runs to its end while the next one is made ready (R33).
    """
    school = case.actor.is_establishment
    for other in case.facts.others:
        by_mail = other.folded_mail == request.folded_mail
        if not other.is_live or other.reference == request.reference or (school and _renews(request, other)):
            continue
        if by_mail or (not school and other.person == request.person):
            hidden = school and other.uai not in case.actor.establishments
            yield more.other_request_elsewhere() if hidden else more.other_request(other, by_mail=by_mail)


def _renews(request: Request, other: Request) -> bool:
    """Whether one is the renewal of the other (R33)."""
    return request.uai == other.uai and (request.renews == other.reference or other.renews == request.reference)
