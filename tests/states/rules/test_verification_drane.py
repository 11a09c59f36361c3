"""What the DRANE is sent: additions, corrections, removals, each bound to what it saw (R96)."""

from datetime import timedelta

import pytest

from states.rules.verification import changed_for_drane, drane_digest, drane_standing
from states.vocabulary import DraneStanding, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused, usual

T, D = Trigger.SEND_TO_DRANE, DraneStanding
LIVE = f.request(State.REQUESTED).with_(drane_declared_on=None)
SENT = LIVE.with_(drane_sent_on=f.TODAY, drane_seen=drane_digest(LIVE))
CORRECTED = SENT.with_(nom="Détienne-Martin", mail="a.dm@ac-toulouse.fr")
REVOKED = SENT.with_(state=State.REVOKED)


@pytest.mark.parametrize(
    ("known", "standing"),
    [
        (LIVE, D.TO_ADD), (SENT, D.UP_TO_DATE), (CORRECTED, D.TO_CORRECT), (REVOKED, D.TO_REMOVE),
        (LIVE.with_(state=State.REVOKED), D.NOTHING), (SENT.with_(delegation_why="autre"), D.UP_TO_DATE),
    ],
)  # fmt: skip
@pytest.mark.rule("R96")
def test_standing__of_a_request(known: object, standing: DraneStanding) -> None:
    assert drane_standing(known) is standing  # type: ignore[arg-type]


@pytest.mark.rule("R96")
def test_standing__a_correction_names_what_changed() -> None:
    assert changed_for_drane(CORRECTED) == ["le nom", "l'adresse"]
    assert changed_for_drane(SENT) == changed_for_drane(LIVE) == []


@pytest.mark.rule("R96", "R25")
def test_sent__is_the_declaration_of_a_rupn_that_nobody_declared() -> None:
    yesterday = f.TODAY - timedelta(days=1)
    decision = accepted(f.facts(LIVE), f.command(T, sent_on=yesterday))
    assert decision.request.drane_declared_on == decision.request.drane_sent_on == yesterday
    assert drane_standing(decision.request) is D.UP_TO_DATE
    assert dict(decision.data) == {"transmitted": "to_add", "transmitted_on": yesterday.isoformat()}
    assert decision.warnings == ()


@pytest.mark.rule("R96")
def test_sent__what_a_file_told_before_a_correction_leaves_the_correction_to_send() -> None:
    before = drane_digest(SENT)
    request = accepted(f.facts(CORRECTED.with_(drane_seen="")), f.command(T, what=D.TO_ADD, seen=before)).request
    assert drane_standing(request) is D.TO_CORRECT


@pytest.mark.rule("R96")
def test_sent__what_a_file_told_before_a_revocation_leaves_a_removal_to_send() -> None:
    never = REVOKED.with_(drane_seen="", drane_sent_on=None)
    request = accepted(f.facts(never), f.command(T, what=D.TO_ADD, seen=drane_digest(SENT))).request
    assert drane_standing(request) is D.TO_REMOVE
    removed = accepted(f.facts(request), f.command(T)).request
    assert (removed.drane_seen, drane_standing(removed)) == ("", D.NOTHING)


@pytest.mark.parametrize("known", [SENT, LIVE.with_(state=State.REVOKED), REVOKED.with_(drane_seen="")])
@pytest.mark.rule("R96", "R9")
def test_sent__twice_is_refused_and_told(known: object) -> None:
    assert set(refused(f.facts(known), f.command(T))) == {"nothing_for_drane"}  # type: ignore[arg-type]


@pytest.mark.rule("R96")
def test_sent__a_day_to_come_a_wrong_digest_and_a_removal_of_a_live_one_are_refused() -> None:
    assert set(refused(f.facts(LIVE), f.command(T, sent_on=f.TODAY + timedelta(days=1)))) == {"date_out_of_bounds"}
    assert set(refused(f.facts(LIVE), f.command(T, seen="x"))) == {"bad_field"}
    assert set(refused(f.facts(SENT), f.command(T, what=D.TO_REMOVE))) == {"not_to_remove_from_drane"}


@pytest.mark.rule("R90", "R96")
def test_sent__does_not_count_as_having_read_an_answer() -> None:
    answered = LIVE.with_(question_asked_at=f.NOW - timedelta(days=1), question_answered_at=f.NOW)
    assert accepted(f.facts(answered), f.command(T)).request.question_answered_at == f.NOW
    assert usual(T).request.state is State.CODE_ISSUED
