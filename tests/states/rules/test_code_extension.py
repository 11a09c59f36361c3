"""Extending the key that a person has already (R40, R42)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from states.model import Removal, Request
from states.school_calendar import SchoolYear
from states.vocabulary import Change, RemovalKind, RemovalOutcome, Settlement, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

READY = f.checked(f.request(State.REQUESTED))
SOURCE = f.other()
EXTEND = f.command(Trigger.ISSUE_CODE, code=None, extends=SOURCE.reference)


def extending(source: Request | None = SOURCE, **changes: Any) -> Any:
    return f.facts(READY, **{"extended": source, **changes})


@pytest.mark.rule("R40")
def test_extend__no_code_is_sent() -> None:
    decision = accepted(extending(), EXTEND)
    assert decision.effects == ()
    assert (decision.request.state, decision.request.extends) == (State.CODE_ISSUED, SOURCE.reference)
    assert (decision.request.code_issued_at, decision.request.expires_on) == (f.NOW, f.LAST_DAY)
    assert decision.data["extends"] == SOURCE.reference


@pytest.mark.rule("R42")
def test_extend__asks_for_no_confirmation_of_a_new_key() -> None:
    accepted(extending(others=(SOURCE,)), EXTEND)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (None, "cette demande n'existe pas"),
        (READY, "c'est la demande elle-même"),
        (f.other(nom="Autre", mail="autre@ac-toulouse.fr"), "c'est une autre personne"),
        (f.other(State.REQUESTED), "aucun code n'y a été émis"),
        (f.other(expires_on=date(2026, 10, 11)), "sa clé a expiré le 11 octobre 2026"),
    ],
)
@pytest.mark.rule("R40")
def test_extend__impossible(source: Request | None, why: str) -> None:
    reason = refused(extending(source), EXTEND)["not_extendable"]
    assert reason.message == f"La clé de la demande ODA-2027-00077 ne peut pas être étendue : {why}"
    assert reason.field == "extends"


@pytest.mark.parametrize("day", [None, f.TODAY])
@pytest.mark.rule("R40")
def test_extend__until_its_last_day(day: date | None) -> None:
    accepted(extending(f.other(expires_on=day)), EXTEND)


@pytest.mark.rule("R40", "R32")
def test_extend__not_a_key_reported_compromised() -> None:
    compromised = f.report(1, Change.KEY_COMPROMISED)
    reason = refused(extending(extended_reports=(compromised,)), EXTEND)["not_extendable"]
    assert reason.message.endswith(" : sa clé est signalée compromise, et ce n'est pas réglé")
    settled = f.report(1, Change.KEY_COMPROMISED, settlement=Settlement.NO_EFFECT)
    accepted(extending(extended_reports=(settled, f.report(2, Change.KEY_LOST))), EXTEND)
    accepted(extending(reports=(compromised,)), EXTEND)


@pytest.mark.rule("R7", "R40")
def test_extend__all_that_is_wrong_with_a_key() -> None:
    worn = f.other(State.REVOKED, expires_on=date(2026, 8, 31))
    gone = Removal(RemovalKind.REMOVE_RIGHTS, RemovalOutcome.REMOVED)
    facts = extending(worn, extended_removal=gone, extended_reports=(f.report(1, Change.KEY_COMPROMISED),))
    assert refused(facts, EXTEND)["not_extendable"].message.endswith(
        " : sa clé n'existe plus (clé supprimée) ; sa clé a expiré le 31 août 2026 ; sa clé est signalée compromise,"
        " et ce n'est pas réglé"
    )


@pytest.mark.parametrize("outcome", [None, RemovalOutcome.KEPT])
@pytest.mark.rule("R40", "R48")
def test_extend__of_a_year_that_ended_until_the_key_is_removed(outcome: RemovalOutcome | None) -> None:
    end = datetime(2026, 8, 31, 22, 0, tzinfo=UTC)
    worn = f.request(
        State.REVOKED, reference=SOURCE.reference, school_year=SchoolYear(2025), expires_on=date(2026, 8, 31),
        expiry_seen_for=date(2026, 8, 31),
    )  # fmt: skip
    accepted(extending(worn, extended_removal=Removal(RemovalKind.REMOVE_RIGHTS, outcome, end)), EXTEND)
    accepted(extending(worn.with_(state=State.CODE_ISSUED)), EXTEND)  # the brake holds the year's end
    expired = "sa clé a expiré le 31 août 2026"
    for source, opened_at in (
        (worn, end - timedelta(days=1)), (worn.with_(uai=f.OTHER_UAI), end),
        (worn.with_(expires_on=date(2026, 8, 30)), end),
    ):  # fmt: skip
        facts = extending(source, extended_removal=Removal(RemovalKind.REMOVE_RIGHTS, outcome, opened_at))
        message = refused(facts, EXTEND)["not_extendable"].message
        assert expired in message or "30 août 2026" in message


@pytest.mark.parametrize("changes", [{"mail": "autre@ac-toulouse.fr"}, {"nom": "Autre"}])
@pytest.mark.rule("R17", "R40")
def test_extend__same_mail_or_same_name_is_the_person(changes: dict[str, Any]) -> None:
    accepted(extending(f.other(**changes)), EXTEND)


@pytest.mark.parametrize("outcome", [None, *RemovalOutcome])
@pytest.mark.rule("R40", "R49")
def test_extend__of_a_revoked_request_whose_key_still_exists(outcome: RemovalOutcome | None) -> None:
    facts = extending(
        f.other(State.REVOKED), extended_removal=Removal(RemovalKind.REMOVE_RIGHTS, outcome)
    )  # fmt: skip
    if outcome in (None, RemovalOutcome.KEPT):
        accepted(facts, EXTEND)
        return
    assert outcome
    assert refused(facts, EXTEND)["not_extendable"].message.endswith(f"sa clé n'existe plus ({outcome.label})")


@pytest.mark.rule("R42")
def test_extend__not_where_each_request_has_its_key() -> None:
    assert set(refused(extending(), EXTEND, one_key_a_person=False)) == {"key_scope_is_request"}


@pytest.mark.rule("R31", "R40")
def test_extend__nothing_to_hand_over() -> None:
    done = accepted(extending(), EXTEND).request
    assert set(refused(f.facts(done), f.command(Trigger.CONFIRM_HANDOVER))) == {"nothing_to_hand_over"}


@pytest.mark.rule("R39", "R40")
def test_extend__asks_for_all_that_a_code_asks() -> None:
    facts = extending(request=f.request(State.REQUESTED), establishment=f.establishment(mailbox=None))
    assert set(refused(facts, EXTEND)) == {"check_missing#1", "check_missing#2", "no_mailbox"}


@pytest.mark.rule("R40")
def test_key_elsewhere__no_code_is_sent_and_it_is_remembered() -> None:
    decision = accepted(f.facts(READY), f.command(Trigger.ISSUE_CODE, code=None, key_elsewhere=True))
    assert decision.effects == ()
    request = decision.request
    assert (request.state, request.extends, request.key_elsewhere) == (State.CODE_ISSUED, None, True)
    assert request.is_extension
    assert decision.data["key_elsewhere"] is True
    handover = f.command(Trigger.CONFIRM_HANDOVER, handed_on=f.TODAY)
    assert set(refused(f.facts(request), handover)) == {"nothing_to_hand_over"}


@pytest.mark.rule("R40", "R48")
def test_key_elsewhere__goes_with_the_key_that_is_extended() -> None:
    source = SOURCE.with_(key_elsewhere=True)
    assert accepted(extending(source), EXTEND).request.key_elsewhere


@pytest.mark.rule("R40")
def test_key_elsewhere__not_where_the_academie_says_that_there_is_none() -> None:
    command = f.command(Trigger.ISSUE_CODE, code=None, key_elsewhere=True)
    assert set(refused(f.facts(READY), command, key_has_other_uses=False)) == {"no_other_uses"}
    assert set(refused(f.facts(READY), command, one_key_a_person=False)) == {"key_scope_is_request"}
