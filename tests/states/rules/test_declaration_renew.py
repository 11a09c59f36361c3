"""A request renewed (R33)."""

from datetime import UTC, datetime, timedelta

import pytest

from states.model import Request
from states.school_calendar import SchoolYear
from states.vocabulary import LIVE_STATES, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

RENEW = Trigger.RENEW
JULY = datetime(2027, 7, 10, 9, tzinfo=UTC)
SEPTEMBER = datetime(2027, 9, 6, 9, tzinfo=UTC)
LONG_AGO = f.request(State.REVOKED, school_year=SchoolYear(2021), reference="ODA-2022-00009")
LIVE, ENDED = f.request(State.CODE_ISSUED), f.request(State.REVOKED)


@pytest.mark.rule("R33")
def test_renew__nothing_typed_twice_and_two_steps_made_again() -> None:
    decision = accepted(f.facts(LIVE), f.command(RENEW), now=JULY)
    assert decision.request == Request(
        reference="", uai=f.UAI, school_year=f.YEAR.next, state=State.DECLARED, version=1, nom=f.NOM, prenom=f.PRENOM,
        mail=f.MAIL, drane_declared_on=LIVE.drane_declared_on, chef_name=f.CHEF_NAME,
        delegation_why=LIVE.delegation_why, renews=f.REFERENCE,
    )  # fmt: skip
    assert decision.source is None
    assert decision.effects == ()
    assert decision.data == {
        "uai": f.UAI, "school_year": "2027-2028", "renews": f.REFERENCE, "drane_sent_by_us": False,
        "homonym_confirmed": False, "mail_confirmed": False,
    }  # fmt: skip


@pytest.mark.rule("R17", "R25", "R33")
def test_renew__journal_tells_what_a_declaration_tells() -> None:
    command = f.command(RENEW, homonym_confirmed=True)
    data = accepted(f.facts(LIVE), command, now=JULY, drane_sent_by_us=True).data
    assert (data["homonym_confirmed"], data["drane_sent_by_us"]) == (True, True)


@pytest.mark.parametrize(
    ("old", "now", "year"),
    [
        (LIVE, f.NOW, None),
        (LIVE, datetime(2027, 5, 31, 21, 59, tzinfo=UTC), None),
        (LIVE, datetime(2027, 5, 31, 22, 0, tzinfo=UTC), 2027),
        (LIVE, SEPTEMBER, 2027),
        (ENDED, f.NOW, 2026),
        (ENDED, JULY, 2027),
        (ENDED, SEPTEMBER, 2027),
        (LONG_AGO, f.NOW, 2026),
        (LONG_AGO, JULY, 2027),
        (LIVE.with_(school_year=f.YEAR.next), JULY, None),
        (ENDED.with_(school_year=f.YEAR.next), JULY, 2027),
        (ENDED.with_(school_year=f.YEAR.next), f.NOW, None),
    ],
)
@pytest.mark.rule("R33", "R20")
def test_renew__for_which_year(old: Request, now: datetime, year: int | None) -> None:
    facts, command = f.facts(old), f.command(RENEW)
    if year is None:
        assert set(refused(facts, command, now=now)) == {"not_renewable"}
    else:
        assert accepted(facts, command, now=now).request.school_year == SchoolYear(year)


@pytest.mark.parametrize("state", LIVE_STATES)
@pytest.mark.rule("R33")
def test_renew__any_live_state_and_leaves_it_alone(state: State) -> None:
    decision = accepted(f.facts(state), f.command(RENEW), now=JULY)
    assert (decision.request.renews, decision.request.version) == (f.REFERENCE, 1)
    made_again = ("code_issued_at", "expires_on", "listing", "delegation", "delegated_on", "charter_signed_on")
    assert {getattr(decision.request, name) for name in made_again} == {None}


@pytest.mark.rule("R33")
def test_renew__too_early_says_when() -> None:
    assert refused(f.facts(LIVE), f.command(RENEW))["not_renewable"].remedy == (
        "Attendre l'ouverture de la campagne, le 1er juin 2027."
    )


@pytest.mark.rule("R20", "R33")
def test_renew__year_chosen() -> None:
    for year in (f.YEAR, f.YEAR.next):
        command = f.command(RENEW, school_year=year)
        assert accepted(f.facts(ENDED), command, now=JULY).request.school_year == year
    wrong = refused(f.facts(LIVE), f.command(RENEW, school_year=f.YEAR), now=JULY)["wrong_renewal_year"]
    assert wrong.message == "Cette demande ne se renouvelle pas pour 2026-2027"
    assert wrong.remedy == "Choisir 2027-2028."
    assert set(refused(f.facts(LIVE), f.command(RENEW, school_year=f.YEAR.next))) == {"not_renewable"}


@pytest.mark.rule("R12", "R13", "R33")
def test_renew__needs_an_open_school_with_a_mailbox() -> None:
    facts = f.facts(ENDED, establishment=f.establishment(is_open=False, mailbox=None))
    assert set(refused(facts, f.command(RENEW))) == {"closed_establishment", "no_mailbox"}


@pytest.mark.rule("R16", "R33")
def test_renew__not_of_an_erased_identity() -> None:
    erased = LONG_AGO.with_(nom="", prenom="", mail="")
    assert set(refused(f.facts(erased), f.command(RENEW))) == {"bad_field:nom", "bad_field:prenom", "bad_field:mail"}


@pytest.mark.rule("R37", "R33")
def test_renew__by_the_chef_of_now() -> None:
    facts, command = f.facts(ENDED), f.command(RENEW)
    assert accepted(facts, command, f.chef(name="Paule Nègre")).request.chef_name == "Paule Nègre"
    assert accepted(facts, command, f.deputy()).request.chef_name == f.CHEF_NAME


@pytest.mark.rule("R9", "R24")
def test_renew__of_a_year_ended_and_not_yet_swept() -> None:
    after = f.now_for(Trigger.EXPIRE) + timedelta(days=40)
    command = f.command(RENEW, expected_version=LIVE.version)
    assert accepted(f.facts(LIVE), command, now=after).request.school_year == f.YEAR.next
