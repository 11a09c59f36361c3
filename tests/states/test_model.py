"""The plain values that the rules read, and their copies."""

import pytest

from states.model import Removal, key_holders
from states.vocabulary import LIVE_STATES, RemovalKind, Settlement, State, Trigger
from tests.kit import factories as f


def test_with__copies_and_leaves_the_first_alone() -> None:
    before = f.request(State.CODE_ISSUED)
    after = before.with_(nom="Autre", mail="Autre@AC-Toulouse.fr")
    assert (before.nom, after.nom) == (f.NOM, "Autre")
    assert after != before
    assert (after.person, after.folded_mail) == ("anne autre sophie", "autre@ac-toulouse.fr")
    assert after.with_(nom=f.NOM, mail=f.MAIL) == before
    assert after.listing is before.listing


def test_with__unknown_field() -> None:
    with pytest.raises(TypeError):
        f.request().with_(nomm="Autre")


def test_request__frozen() -> None:
    with pytest.raises(AttributeError):
        f.request().nom = "Autre"  # type: ignore[misc]


@pytest.mark.rule("R47")
def test_request__live_and_with_a_key() -> None:
    assert [state for state in State if f.request(state).is_live] == list(LIVE_STATES)
    assert [state for state in State if f.request(state).has_key] == [State.CODE_ISSUED, State.REVOKED]


@pytest.mark.rule("R46", "R49")
def test_report_and_removal__open_until_answered() -> None:
    assert f.report().is_open
    assert not f.report(settlement=Settlement.NO_EFFECT).is_open
    assert Removal(RemovalKind.KEY_ENABLED).outcome is None


def test_labels__french_on_every_word() -> None:
    assert {trigger.label for trigger in Trigger}.isdisjoint(trigger.value for trigger in Trigger)
    assert Trigger.DECLARE.label == "déclarer le RUPN"
    assert f"{State.REVOKED}" == "revoked"


@pytest.mark.rule("R42")
def test_holders__live_with_a_key() -> None:
    elsewhere = f.other()
    others = [elsewhere, f.other(State.REQUESTED), f.other(State.REVOKED)]
    assert key_holders(others, one_key_a_person=True) == [elsewhere]
    assert key_holders(others, one_key_a_person=False) == []
