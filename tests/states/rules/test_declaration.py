"""Declaring a RUPN (R12, R13, R16, R20, R25)."""

from datetime import UTC, date, datetime

import pytest

from states.school_calendar import SchoolYear
from states.vocabulary import State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, unusual, usual

JULY = datetime(2027, 7, 10, 9, tzinfo=UTC)


@pytest.mark.rule("R25")
def test_declare__what_is_stored() -> None:
    decision = usual(Trigger.DECLARE, nom="  D'E\u0301tienne ", prenom="Anne\u00a0 Sophie", mail=f" {f.MAIL} ")
    request = decision.request
    assert (request.nom, request.prenom, request.mail) == ("D'Étienne", "Anne Sophie", f.MAIL)
    assert (request.reference, request.uai, request.school_year) == ("", f.UAI, f.YEAR)
    assert (request.state, request.version, request.chef_name) == (State.DECLARED, 1, f.CHEF_NAME)
    assert decision.data["drane_declared_on"] == "2026-09-10"
    assert decision.effects == ()


@pytest.mark.parametrize("sent_by_us", [True, False])
@pytest.mark.rule("R25")
def test_declare__not_yet_at_the_drane(sent_by_us: bool) -> None:
    command = f.command(Trigger.DECLARE, drane_declared_on=None)
    decision = accepted(f.facts(), command, drane_sent_by_us=sent_by_us)
    assert decision.request.drane_declared_on is None
    assert decision.data["drane_declared_on"] is None
    assert decision.data["drane_sent_by_us"] is sent_by_us


@pytest.mark.parametrize(("day", "right"), [(date(2026, 10, 12), True), (date(2026, 10, 13), False)])
@pytest.mark.rule("R25")
def test_declare__drane_date_is_not_to_come(day: date, right: bool) -> None:
    if right:
        assert usual(Trigger.DECLARE, drane_declared_on=day).request.drane_declared_on == day
    else:
        assert unusual(Trigger.DECLARE, drane_declared_on=day)["date_out_of_bounds"].field == "drane_declared_on"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("nom", "", "Le nom est vide"),
        ("prenom", " \u00a0", "Le prénom est vide"),
        ("nom", "x" * 200, "Le nom compte 200 caractères, 100 au plus"),
        ("prenom", "Anne\nMarie", "Le prénom contient un retour à la ligne ou un caractère invisible"),
        ("nom", "\u202eeitram", "Le nom contient un retour à la ligne ou un caractère invisible"),
        ("nom", "Votre compte : http://x", "Le nom contient « : », qui n'est pas d'un nom"),
        ("mail", "anne", "L'adresse électronique n'a pas de « @ »"),
    ],
)
@pytest.mark.rule("R16")
def test_declare__identity(field: str, value: str, message: str) -> None:
    reason = unusual(Trigger.DECLARE, **{field: value})["bad_field"]
    assert (reason.field, reason.rule) == (field, "R16")
    assert reason.message.startswith(message)
    such_as = ", par exemple prenom.nom@ac-toulouse.fr" if field == "mail" else ""
    assert reason.remedy == f"L'écrire comme dans l'annuaire de l'académie{such_as}."


@pytest.mark.rule("R12", "R13", "R7")
def test_declare__everything_wrong_at_once() -> None:
    facts = f.facts(establishment=f.establishment(is_open=False, mailbox=None))
    command = f.command(
        Trigger.DECLARE, nom="", prenom="", mail="", school_year=SchoolYear(2024), drane_declared_on=date(2030, 1, 1)
    )
    assert set(refused(facts, command)) == {
        "year_closed", "closed_establishment", "no_mailbox", "bad_field:nom", "bad_field:prenom", "bad_field:mail",
        "date_out_of_bounds",
    }  # fmt: skip


@pytest.mark.parametrize("mailbox", [None, ""])
@pytest.mark.rule("R13")
def test_declare__no_mailbox(mailbox: str | None) -> None:
    facts = f.facts(establishment=f.establishment(mailbox=mailbox))
    reasons = refused(facts, f.command(Trigger.DECLARE))
    assert set(reasons) == {"no_mailbox"}
    assert reasons["no_mailbox"].remedy == "Écrire au centre de service : un opérateur peut fixer la boîte."


@pytest.mark.parametrize(("asked_year", "start"), [(None, 2027), (SchoolYear(2026), 2026), (SchoolYear(2027), 2027)])
@pytest.mark.rule("R20")
def test_declare__two_years_open_the_later_proposed(asked_year: SchoolYear | None, start: int) -> None:
    decision = accepted(f.facts(), f.command(Trigger.DECLARE, school_year=asked_year), now=JULY)
    assert decision.request.school_year == SchoolYear(start)
    assert decision.data["school_year"] == f"{start}-{start + 1}"


@pytest.mark.parametrize("year", [2025, 2027, 2050])
@pytest.mark.rule("R20")
def test_declare__closed_year_names_the_open_ones(year: int) -> None:
    reason = unusual(Trigger.DECLARE, school_year=SchoolYear(year))["year_closed"]
    assert reason.remedy == "Choisir 2026-2027."
    late = refused(f.facts(), f.command(Trigger.DECLARE, school_year=SchoolYear(2030)), now=JULY)["year_closed"]
    assert late.remedy == "Choisir 2026-2027 ou 2027-2028."


@pytest.mark.rule("R37")
def test_declare__deputy_is_not_the_chef() -> None:
    assert accepted(f.facts(), f.command(Trigger.DECLARE), f.deputy()).request.chef_name == ""


@pytest.mark.rule("R16")
def test_declare__an_establishments_mailbox_is_nobodys_address() -> None:
    facts = f.facts(shared_mailboxes=frozenset({f.MAIL}))
    (reason,) = refused(facts, f.command(Trigger.DECLARE, mail=f" {f.MAIL.upper()} ", mail_confirmed=True)).values()
    assert (reason.code, reason.field) == ("shared_mailbox", "mail")


@pytest.mark.rule("R16")
@pytest.mark.parametrize(("mail", "likely"), [("anne@gmail.com", False), ("anne@ac-touluose.fr", True)])
def test_declare__an_unusual_address_is_to_be_confirmed(mail: str, likely: bool) -> None:
    (reason,) = unusual(Trigger.DECLARE, mail=mail).values()
    assert (reason.code, reason.field) == ("unusual_mail", "mail_confirmed")
    assert ("« ac-toulouse.fr »" in reason.message) is likely
    assert usual(Trigger.DECLARE, mail=mail, mail_confirmed=True).data["mail_confirmed"] is True
