"""The connector before a real server, on both databases: each removal asked once, confirmed by the rules (R84)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from states import commands as c
from states.vocabulary import RemovalOutcome
from tests.kit.oda_server import OdaServer, does_then_drops, oda_server, says
from tests.kit.system import System
from tests.workflow.removals.connector.office import Office
from workflow.database.schedule_tables import RESTORATION
from workflow.removals.connector import queue as calls
from workflow.removals.connector.client import Call
from workflow.removals.connector.service import Connector, RoundResult

START = datetime(2026, 10, 12, 9, 0, tzinfo=UTC)


@pytest.fixture
def oda(tmp_path: Path) -> Iterator[OdaServer]:
    with oda_server(tmp_path) as oda:
        yield oda


@pytest.fixture
def office(database_url: str, oda: OdaServer) -> Iterator[Office]:
    system = System(database_url, START)
    yield Office(system, oda)
    system.close()


def counts(called: RoundResult) -> tuple[int, int, int]:
    return called.confirmed, called.waiting, called.refused


@pytest.mark.rule("R49", "R84")
def test_round__confirms_what_the_server_has_done(office: Office) -> None:
    references = office.revoked(1, 2, 3, 4, 5, 6, 7)
    assert counts(office.connector.round()) == (7, 0, 0)
    assert {call.content["reference"] for call in office.oda.received} == set(references)
    assert len(office.oda.effects) == 7
    for reference in references:
        assert office.system.removals()[reference].outcome == "kept"
        row = office.call(reference)
        assert (row.stage, row.answer, row.status, row.attempts, row.next_at) == ("done", "fait", 200, 1, None)
    assert counts(office.connector.round()) == (0, 0, 0)
    assert office.system.flaws() == []


@pytest.mark.rule("R84", "R116")
def test_round__asks_nothing_before_a_restored_base_is_released(office: Office) -> None:
    office.revoked(1)
    values = {"id": 1, "backup_at": START, "restored_at": START}
    with office.system.database.write() as connection:
        connection.execute(insert(RESTORATION).values(values))
    assert counts(office.connector.round()) == (0, 0, 0)
    assert office.oda.received == []
    with office.system.database.write() as connection:
        connection.execute(delete(RESTORATION))
    assert counts(office.connector.round()) == (1, 0, 0)


@pytest.mark.rule("R84")
def test_question__names_one_key_and_carries_no_code(office: Office) -> None:
    [reference] = office.revoked(1)
    office.connector.round()
    [received] = office.oda.received
    assert received.content == {
        "reference": reference, "action": "remove_rights", "kind": "remove_rights", "uai": "0310001H",
        "person": {"nom": "Nomb", "prenom": "Prénom", "mail": "rupn1@ac-toulouse.fr"}, "school_year": "2026-2027",
        "expires_on": None, "kept_for": [], "opened_at": "2026-10-12T09:00:00Z",
    }  # fmt: skip
    assert b"Ab12Cd34" not in received.body
    assert received.key.startswith(f"{reference}.")


@pytest.mark.rule("R2", "R63", "R84")
def test_confirmation__is_the_connector_s_in_the_journal(office: Office) -> None:
    office.revoked(1)
    office.oda.will(says(200, {"outcome": "absent", "message": "compte inconnu"}))
    office.connector.round()
    [event] = [event for event in office.system.dump()["event"] if "confirm_removal" in event]
    assert "'connector'" in event
    assert "compte inconnu" in str(office.system.dump()["event_note"])
    assert "compte inconnu" not in event


@pytest.mark.rule("R48", "R84")
def test_question__when_the_key_serves_elsewhere(office: Office) -> None:
    extended = office.system.issued(1)
    again = office.system.issued(1, uai="0310002J", chef="chef BC", only_ready=True)
    office.system.send_mails()
    office.system.accept(c.IssueCode(reference=again, extends=extended), "opérateur")
    office.revoke(extended)
    office.oda.will(says(200, {"outcome": "removed", "message": "clé détruite"}))
    assert counts(office.connector.round()) == (0, 0, 1)
    [received] = office.oda.received
    assert (received.content["action"], received.content["kept_for"]) == ("remove_rights", [again])
    assert received.content["expires_on"] == "2027-08-31"
    row = office.call(extended)
    assert (row.stage, office.system.removals()[extended].outcome) == ("refused", None)
    assert "le serveur répond « clé supprimée »" in row.answer
    assert "clé détruite" in row.answer
    with office.system.database.write() as connection:
        assert calls.again(connection, None, office.system.clock.now()) == [extended]
    assert counts(office.connector.round()) == (1, 0, 0)
    assert office.system.removals()[extended].outcome == "kept"
    assert len({call.key for call in office.oda.received}) == 2, "a refusal is not replayed: the key is new"


@pytest.mark.rule("R49", "R84")
def test_answer__that_is_not_the_question_s_is_for_an_operator(office: Office) -> None:
    [reference] = office.revoked(1)
    office.oda.will(says(200, {"outcome": "removed", "message": "clé détruite"}))
    assert counts(office.connector.round()) == (0, 0, 1)
    row = office.call(reference)
    assert row.stage == "refused"
    assert "réponse du serveur : clé détruite" in row.answer
    assert office.system.removals()[reference].closed_at is None
    office.later(days=30)
    assert counts(office.connector.round()) == (0, 0, 0), "never again by itself"


@pytest.mark.rule("R48", "R84")
def test_namesake__is_never_decided_by_a_program(office: Office) -> None:
    reference = office.system.issued(1)
    declared = c.Declare(uai="0310002J", nom="Nomb", prenom="Prénom", mail="autre@ac-toulouse.fr",
                         homonym_confirmed=True)  # fmt: skip
    office.system.accept(declared, "chef BC")
    office.system.send_mails()
    office.revoke(reference)
    assert counts(office.connector.round()) == (0, 0, 1)
    assert office.oda.received == []
    row = office.call(reference)
    assert "même nom" in row.answer
    assert (row.stage, row.attempts) == ("refused", 0)


@pytest.mark.rule("R84")
def test_later__as_long_as_the_server_says_and_counts_no_attempt(office: Office) -> None:
    [reference] = office.revoked(1)
    office.oda.will(*[says(202, {"message": "lot de ce soir"}, Retry_After="1800")] * 20)
    for _ in range(20):
        assert counts(office.connector.round()) == (0, 1, 0)
        assert counts(office.connector.round()) == (0, 0, 0)
        office.later(minutes=30)
    row = office.call(reference)
    assert (row.stage, row.attempts, row.answer) == ("waiting", 0, "lot de ce soir")
    assert counts(office.connector.round()) == (1, 0, 0)
    assert len({call.key for call in office.oda.received}) == 1


@pytest.mark.rule("R84")
def test_retry__with_growing_waits_then_an_operator(office: Office) -> None:
    [reference] = office.revoked(1)
    office.oda.will(*[says(500, b"<html>")] * 9)
    waits = []
    for _ in range(7):
        assert counts(office.connector.round()) == (0, 1, 0)
        waits.append(office.call(reference).next_at - office.system.clock.now())
        office.later(seconds=waits[-1].total_seconds())
    assert counts(office.connector.round()) == (0, 0, 1)
    minutes = [wait / timedelta(minutes=1) for wait in waits]
    for minute, least in zip(minutes, (1, 5, 15, 60, 120, 240, 360), strict=True):
        assert least <= minute <= 1.25 * least
    row = office.call(reference)
    assert (row.stage, row.attempts, row.answer, row.status) == ("refused", 8, "réponse 500", 500)
    assert len({call.key for call in office.oda.received}) == 1


@pytest.mark.rule("R84")
def test_replay__the_same_key_has_one_effect(office: Office) -> None:
    office.revoked(1)
    office.oda.will(does_then_drops(), does_then_drops())
    for _ in range(2):
        assert counts(office.connector.round()) == (0, 1, 0)
        office.later(minutes=10)
    assert counts(office.connector.round()) == (1, 0, 0)
    assert len(office.oda.received) == 3
    assert len(office.oda.effects) == 1
    assert len({call.body for call in office.oda.received}) == 1, "byte for byte the same question"


@pytest.mark.rule("R84")
def test_circuit__a_server_that_is_down_is_asked_once_a_minute(office: Office) -> None:
    office.revoked(*range(1, 9))
    office.oda.will(*[says(503)] * 30)
    for minute in range(1, 6):
        office.connector.round()
        office.connector.round()
        assert len(office.oda.received) == minute, "one task alone, to see"
        office.later(seconds=61)
    office.oda.next.clear()
    assert office.connector.round().confirmed >= 3
    office.later(hours=12)
    office.connector.round()
    assert {row.outcome for row in office.system.removals().values()} == {"kept"}


@pytest.mark.rule("R84")
@pytest.mark.parametrize("status", [401, 403, 301])
def test_circuit__what_concerns_all_does_not_spoil_all(office: Office, status: int) -> None:
    office.revoked(1, 2, 3, 4, 5)
    office.oda.will(*[says(status, {"message": "signature fausse"})] * 9)
    assert counts(office.connector.round()) == (0, 0, 1)
    assert len(office.oda.received) == 1


@pytest.mark.rule("R84")
def test_circuit__a_server_that_asks_for_rest_has_an_hour_at_most(office: Office) -> None:
    office.revoked(1, 2)
    office.oda.will(says(503, {"message": "maintenance"}, Retry_After="86400"))
    assert counts(office.connector.round()) == (0, 1, 0)
    office.later(minutes=59)
    assert counts(office.connector.round()) == (0, 0, 0)
    office.later(minutes=2)
    assert counts(office.connector.round()) == (1, 0, 0), "the other one; the first waits as long as it was told"


@pytest.mark.rule("R84")
def test_refusal__of_one_task_leaves_the_others(office: Office) -> None:
    office.revoked(1, 2, 3)
    office.oda.will(says(422, {"message": "compte verrouillé"}))
    assert counts(office.connector.round()) == (2, 0, 1)


@pytest.mark.rule("R84")
def test_private_address__is_not_called_and_is_said(office: Office) -> None:
    [reference] = office.revoked(1)
    caller = office.oda.caller(allow=[])
    assert counts(office.another(caller).round()) == (0, 1, 0)
    assert office.oda.received == []
    assert "127.0.0.1, qui n'est pas une adresse publique" in office.call(reference).answer


@pytest.mark.rule("R84")
def test_kinds__those_of_the_settings_alone(office: Office) -> None:
    office.revoked(1)
    assert counts(office.another(kinds=["key_enabled"]).round()) == (0, 0, 0)
    assert office.oda.received == []


@pytest.mark.rule("R49", "R84")
def test_operator__may_confirm_at_any_time(office: Office) -> None:
    first, second, third = office.revoked(1, 2, 3)
    office.oda.will(says(202), says(202), says(202))
    assert office.connector.round().waiting == 3

    def overtakes(wanted: Sequence[Call]) -> None:
        if any(call.key.startswith(second) for call in wanted):
            done = c.ConfirmRemoval(reference=second, outcome=RemovalOutcome.ABSENT)
            office.system.accept(done, "opérateur")

    by_hand = c.ConfirmRemoval(reference=first, outcome=RemovalOutcome.REMOVED)
    office.system.accept(by_hand, "opérateur")
    office.later(minutes=6)
    office.watched(after=overtakes).round()
    removals = office.system.removals()
    assert [removals[reference].outcome for reference in (first, second, third)] == ["removed", "absent", "kept"]
    assert office.call(first) is office.call(second) is None
    assert {call.content["reference"] for call in office.oda.received[3:]} == {second, third}
    assert office.system.flaws() == []


@pytest.mark.rule("R48", "R84")
def test_change__of_what_is_to_be_done_makes_the_call_anew(office: Office) -> None:
    [reference] = office.revoked(1)

    def meanwhile(_: Sequence[Call]) -> None:
        """The person's key is issued elsewhere while its removal is asked for."""
        if len(office.oda.received) == 1:
            office.system.issued(1, uai="0310002J", chef="chef BC")

    assert counts(office.watched(after=meanwhile).round()) == (1, 1, 0)
    first, second = office.oda.received
    assert (first.content["kept_for"], second.content["kept_for"]) == ([], ["ODA-2027-00002"])
    assert first.key != second.key
    assert office.system.removals()[reference].outcome == "kept"
    assert len([row for row in office.system.dump()["event"] if "confirm_removal" in row]) == 1


@pytest.mark.rule("R82", "R84")
def test_lease__is_taken_over_and_the_former_holder_writes_nothing(office: Office) -> None:
    [reference] = office.revoked(1)

    def hangs(_: Sequence[Call]) -> None:
        """The first machine hangs past its lease; another does it all meanwhile."""
        office.later(seconds=office.lease.total_seconds())
        assert counts(office.another().round()) == (1, 0, 0)

    assert office.watched(before=hangs).round().confirmed == 0
    assert len(office.oda.effects) == 1
    assert len({call.key for call in office.oda.received}) == 1
    assert office.call(reference).stage == "done"
    assert office.system.flaws() == []


@pytest.mark.rule("R82", "R84")
def test_held__is_nobody_else_s(office: Office) -> None:
    office.revoked(1)
    other = office.another()
    assert counts(office.watched(before=lambda _: nothing(other)).round()) == (1, 0, 0)
    assert len(office.oda.received) == 1


def nothing(other: Connector) -> None:
    assert counts(other.round()) == (0, 0, 0)


@pytest.mark.rule("R48", "R84")
def test_question__where_a_key_never_serves_elsewhere_is_to_remove_it(office: Office) -> None:
    office.system.engine.policy = replace(office.system.policy, key_has_other_uses=False)
    [reference] = office.revoked(1)
    assert counts(office.connector.round()) == (1, 0, 0)
    [received] = office.oda.received
    assert received.content["action"] == "remove_key"
    assert office.system.removals()[reference].outcome == "removed"


@pytest.mark.rule("R40", "R48", "R84")
def test_question__of_a_key_said_to_serve_elsewhere_never_removes_it(office: Office) -> None:
    office.system.engine.policy = replace(office.system.policy, key_has_other_uses=True)
    reference = office.system.issued(1, only_ready=True)
    office.system.accept(c.IssueCode(reference=reference, key_elsewhere=True), "opérateur")
    office.system.engine.policy = replace(office.system.policy, key_has_other_uses=False)
    office.revoke(reference)
    assert counts(office.connector.round()) == (1, 0, 0)
    assert office.oda.received[0].content["action"] == "remove_rights"


@pytest.mark.rule("R49", "R84")
def test_reopened__after_its_answer_is_left_to_the_operators(office: Office) -> None:
    [reference] = office.revoked(1)
    assert counts(office.connector.round()) == (1, 0, 0)
    office.system.accept(c.ReopenRemoval(reference=reference, why="le serveur s'est trompé"), "opérateur")
    office.later(days=2)
    assert counts(office.connector.round()) == (0, 0, 0), "under the same key it would answer the same"
    row = office.call(reference)
    assert (row.stage, row.answer) == ("refused", "confirmé, puis rouvert par un opérateur")
    with office.system.database.write() as connection:
        assert calls.again(connection, None, office.system.clock.now()) == [reference]
    assert counts(office.connector.round()) == (1, 0, 0)
    assert len({call.key for call in office.oda.received}) == 2
    assert office.system.removals()[reference].outcome == "kept"
    assert office.system.flaws() == []


@pytest.mark.rule("R49", "R84")
def test_reopened__after_an_operator_confirmed_it_is_asked_as_any_other(office: Office) -> None:
    [reference] = office.revoked(1)
    by_hand = c.ConfirmRemoval(reference=reference, outcome=RemovalOutcome.ABSENT)
    office.system.accept(by_hand, "opérateur")
    assert counts(office.connector.round()) == (0, 0, 0)
    office.system.accept(c.ReopenRemoval(reference=reference, why="confirmé pour une autre"), "opérateur")
    assert office.system.removals()[reference].closed_at is None
    assert counts(office.connector.round()) == (1, 0, 0)
