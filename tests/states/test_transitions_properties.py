"""What holds of every decision, whatever the facts and whoever asks (R1, R7, R8, R60, R64)."""

import pytest
from hypothesis import given

from states.commands import IssueCode, ReissueCode
from states.decision import Decision, Refused
from states.transitions import ARROWS, decide
from states.vocabulary import Trigger
from tests.kit import factories as f
from tests.states.strategies import PERSONAL, Situation, quick, situations, thorough

SENSITIVE = (*PERSONAL, "Zyz", f.NOM, f.PRENOM, f.MAIL, f.CHEF_NAME, "aide aux parents", "Mme la principale", f.MAILBOX)


def ask(situation: Situation) -> Decision | Refused:
    s = situation
    return decide(s.facts, s.command, s.actor, s.now, s.policy)


@thorough
@given(situations())
@pytest.mark.rule("R1", "R7", "R8")
def test_decide__always_an_answer(situation: Situation) -> None:
    answer = ask(situation)
    if isinstance(answer, Refused):
        assert answer.reasons
        assert all(r.code and r.rule and r.message and r.remedy for r in answer.reasons)
        return
    assert (answer.trigger, (answer.source, answer.request.state)) in ARROWS
    assert answer.trigger is situation.command.trigger
    before = situation.facts.request
    if answer.is_birth:
        assert (answer.source, answer.request.version, answer.request.reference) == (None, 1, "")
    else:
        assert before
        assert answer.request.version == before.version + 1
        assert answer.request.reference == before.reference
        assert answer.source is before.state


@thorough
@given(situations())
@pytest.mark.rule("R64")
def test_journal__no_personal_data(situation: Situation) -> None:
    answer = ask(situation)
    if isinstance(answer, Decision):
        assert all(type(value) in (str, int, bool, type(None)) for value in answer.data.values())
        written = " ".join(str(part) for item in answer.data.items() for part in item)
        free = [text.strip() for text in answer.notes.values()]
        for secret in (*SENSITIVE, *(text for text in free if len(text) > 3)):
            assert secret not in written


@thorough
@given(situations(Trigger.ISSUE_CODE) | situations(Trigger.REISSUE_CODE))
@pytest.mark.rule("R60")
def test_code__never_shown(situation: Situation) -> None:
    assert isinstance(situation.command, IssueCode | ReissueCode)
    clear = situation.command.code.clear if situation.command.code else ""
    answer = ask(situation)
    if len(clear) < 4:
        return
    assert clear not in repr(situation.command)
    assert clear not in repr(answer)
    assert clear not in str(answer)
    if isinstance(answer, Decision):
        assert clear not in f"{answer.data} {answer.notes} {answer.warnings} {answer.request}"


@quick
@given(situations())
@pytest.mark.rule("R7")
def test_decide__depends_on_nothing_else(situation: Situation) -> None:
    assert ask(situation) == ask(situation)


@pytest.mark.rule("R60")
def test_code__sealed_but_unseen() -> None:
    """A plain proof beside the random one: the code is in the effect, and no text shows it."""
    answer = decide(
        f.facts_for(Trigger.ISSUE_CODE), f.command(Trigger.ISSUE_CODE), f.operator(), f.NOW, f.policy()
    )  # fmt: skip
    assert isinstance(answer, Decision)
    assert "SealCode(code=Code(), " in repr(answer)
    assert f.CODE not in repr(answer)
