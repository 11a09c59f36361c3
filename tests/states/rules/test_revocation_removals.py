"""What is to be done on the ODA server, computed from the person's other requests (R48)."""

from datetime import date

import pytest

from states.model import Request
from states.rules.revocation import Action, RemovalTodo, key_holders, removal_kind, removal_todo
from states.vocabulary import CheckOutcome, RemovalKind, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted

ENDED = f.request(State.REVOKED)
ELSEWHERE = f.other()
HERE_NEXT = f.other(
    uai=f.UAI, reference="ODA-2028-00001", school_year=f.YEAR.next, expires_on=date(2028, 8, 31)
)  # fmt: skip


def todo(*others: Request, one_key: bool = True) -> RemovalTodo:
    return removal_todo(ENDED, others, one_key_a_person=one_key)


@pytest.mark.rule("R48")
def test_todo__nobody_else_relies_on_the_key() -> None:
    for others in ((), (f.other(State.REVOKED),)):
        assert todo(*others) == RemovalTodo(Action.REMOVE_KEY)
    for other in (ELSEWHERE, f.other(State.REQUESTED)):
        assert todo(other, one_key=False) == RemovalTodo(Action.REMOVE_KEY)
    assert todo().sentence == "Supprimer la clé."


@pytest.mark.rule("R48")
def test_todo__another_school_keeps_the_key() -> None:
    removal = todo(ELSEWHERE)
    assert removal == RemovalTodo(Action.KEEP_KEY, (ELSEWHERE.reference,), f.LAST_DAY)
    assert removal.sentence == (
        "Retirer les droits de cet établissement, garder la clé (elle sert à ODA-2027-00077) ;"
        " expiration à porter : 31 août 2027."
    )


@pytest.mark.rule("R48")
def test_todo__the_same_school_next_year_changes_the_date() -> None:
    removal = todo(HERE_NEXT)
    assert removal == RemovalTodo(Action.CHANGE_EXPIRY, (HERE_NEXT.reference,), date(2028, 8, 31))
    assert removal.sentence == (
        "Garder la clé, changer sa date d'expiration (elle sert à ODA-2028-00001) ; expiration à porter : 31 août 2028."
    )


@pytest.mark.rule("R48")
def test_todo__both_the_latest_date_wins() -> None:
    removal = todo(HERE_NEXT, ELSEWHERE)
    assert removal.action is Action.CHANGE_EXPIRY
    assert removal.kept_for == (ELSEWHERE.reference, HERE_NEXT.reference)
    assert removal.expires_on == date(2028, 8, 31)


@pytest.mark.rule("R17", "R48")
def test_todo__known_by_the_name_only_is_to_be_verified() -> None:
    removal = todo(f.other(mail="autre@ac-toulouse.fr"))
    assert removal.to_verify
    assert removal.sentence.endswith(" ; vérifier qu'il s'agit bien de la même personne.")
    assert not todo(f.other(mail=f.MAIL.upper(), nom="Épouse")).to_verify


@pytest.mark.rule("R48")
def test_todo__no_date_known() -> None:
    removal = todo(f.other(expires_on=None))
    assert removal.expires_on is None
    assert "expiration" not in removal.sentence


@pytest.mark.rule("R48")
def test_todo__tells_the_requests_that_follow_without_a_key() -> None:
    next_year = f.other(State.DECLARED, uai=f.UAI, reference="ODA-2028-00001", school_year=f.YEAR.next)
    assert todo(next_year) == RemovalTodo(Action.REMOVE_KEY, following=(next_year.reference,))
    assert todo(next_year).sentence == "Supprimer la clé ; la demande ODA-2028-00001 suit, sans clé pour l'instant."
    both = todo(next_year, f.other(State.REQUESTED)).sentence
    assert both == (
        "Supprimer la clé ; les demandes ODA-2027-00077 et ODA-2028-00001 suivent, sans clé pour l'instant."
    )
    removal = todo(next_year, ELSEWHERE)
    assert (removal.action, removal.kept_for, removal.following) == (
        Action.KEEP_KEY, (ELSEWHERE.reference,), (next_year.reference,)
    )  # fmt: skip
    assert removal.sentence.endswith("2027 ; la demande ODA-2028-00001 suit, sans clé pour l'instant.")
    assert todo(next_year.with_(mail="autre@ac-toulouse.fr")).to_verify


@pytest.mark.rule("R42")
def test_holders__live_with_a_key() -> None:
    others = [ELSEWHERE, f.other(State.REQUESTED), f.other(State.REVOKED)]
    assert key_holders(others, one_key_a_person=True) == [ELSEWHERE]
    assert key_holders(others, one_key_a_person=False) == []


@pytest.mark.rule("R47")
def test_kind__by_what_was_done() -> None:
    assert removal_kind(f.request(State.REQUESTED)) is None
    assert removal_kind(f.request(State.REQUESTED, key_possible=True)) is RemovalKind.KEY_ENABLED
    assert removal_kind(f.request(State.CODE_ISSUED)) is RemovalKind.REMOVE_RIGHTS


@pytest.mark.rule("R47")
def test_kind__remembers_that_both_checks_were_positive_together() -> None:
    negative = {"outcome": CheckOutcome.NEGATIVE}
    request, possible = f.request(State.REQUESTED), []
    for trigger, changes in (
        (Trigger.CHECK_LISTING, {}), (Trigger.CHECK_LISTING, negative), (Trigger.CHECK_DELEGATION, {}),
        (Trigger.CHECK_LISTING, {}), (Trigger.CHECK_DELEGATION, negative), (Trigger.CHECK_LISTING, negative),
    ):  # fmt: skip
        request = accepted(f.facts(request), f.command(trigger, **changes)).request
        possible.append(request.key_possible)
    assert possible == [False, False, False, True, True, True]
    assert removal_kind(request) is RemovalKind.KEY_ENABLED
