"""What is to be done on the ODA server, computed from the person's other requests (R48)."""

from datetime import date

import pytest

from states.facts import Request
from states.removal import Action, RemovalTodo, holders, removal_kind, todo
from states.vocabulary import RemovalKind, State
from tests.kit import factories as f

ENDED = f.request(State.REVOKED)
ELSEWHERE = f.other()
HERE_NEXT = f.other(
    uai=f.UAI, reference="ODA-2028-00001", school_year=f.YEAR.next, expires_on=date(2028, 8, 31)
)  # fmt: skip


def what(*others: Request, one_key: bool = True) -> RemovalTodo:
    return todo(ENDED, others, one_key_a_person=one_key)


@pytest.mark.rule("R48")
def test_todo__nobody_else_relies_on_the_key() -> None:
    for others in ((), (f.other(State.REQUESTED),), (f.other(State.REVOKED),)):
        assert what(*others) == RemovalTodo(Action.REMOVE_KEY)
    assert what(ELSEWHERE, one_key=False) == RemovalTodo(Action.REMOVE_KEY)
    assert what().sentence == "Supprimer la clé."


@pytest.mark.rule("R48")
def test_todo__another_school_keeps_the_key() -> None:
    found = what(ELSEWHERE)
    assert found == RemovalTodo(Action.KEEP_KEY, (ELSEWHERE.reference,), f.LAST_DAY)
    assert found.sentence == (
        "Retirer les droits de cet établissement, garder la clé (elle sert à ODA-2027-00077) ;"
        " expiration à porter : 31 août 2027."
    )


@pytest.mark.rule("R48")
def test_todo__the_same_school_next_year_changes_the_date() -> None:
    found = what(HERE_NEXT)
    assert found == RemovalTodo(Action.CHANGE_EXPIRY, (HERE_NEXT.reference,), date(2028, 8, 31))
    assert found.sentence == (
        "Garder la clé, changer sa date d'expiration (elle sert à ODA-2028-00001) ; expiration à porter : 31 août 2028."
    )


@pytest.mark.rule("R48")
def test_todo__both_the_latest_date_wins() -> None:
    found = what(HERE_NEXT, ELSEWHERE)
    assert found.action is Action.CHANGE_EXPIRY
    assert found.kept_for == (ELSEWHERE.reference, HERE_NEXT.reference)
    assert found.expires_on == date(2028, 8, 31)


@pytest.mark.rule("R17", "R48")
def test_todo__known_by_the_name_only_is_to_be_verified() -> None:
    found = what(f.other(mail="autre@ac-toulouse.fr"))
    assert found.to_verify
    assert found.sentence.endswith(" ; vérifier qu'il s'agit bien de la même personne.")
    assert not what(f.other(mail=f.MAIL.upper(), nom="Épouse")).to_verify


@pytest.mark.rule("R48")
def test_todo__no_date_known() -> None:
    found = what(f.other(expires_on=None))
    assert found.expires_on is None
    assert "expiration" not in found.sentence


@pytest.mark.rule("R42")
def test_holders__live_with_a_key() -> None:
    others = [ELSEWHERE, f.other(State.REQUESTED), f.other(State.REVOKED)]
    assert holders(others, one_key_a_person=True) == [ELSEWHERE]
    assert holders(others, one_key_a_person=False) == []


@pytest.mark.rule("R47")
def test_kind__by_what_was_done() -> None:
    assert removal_kind(f.request(State.REQUESTED)) is None
    assert removal_kind(f.checked(f.request(State.REQUESTED))) is RemovalKind.KEY_ENABLED
    assert removal_kind(f.request(State.CODE_ISSUED)) is RemovalKind.REMOVE_RIGHTS
