"""An operator who acts for an establishment, and four eyes (R5, R6, R64)."""

from dataclasses import replace

import pytest

from states.decision import Refused
from states.transitions import decide
from states.vocabulary import RequestedBy, State, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused
from tests.states.rules.test_authorization_roles import OF_BOTH, OF_CHEF


@pytest.mark.parametrize("trigger", sorted(OF_CHEF | OF_BOTH))
@pytest.mark.rule("R5", "R8")
def test_behalf__each_action_of_a_chef(trigger: Trigger) -> None:
    decision = accepted(f.facts_for(trigger), f.command(trigger, on_behalf=f.on_behalf()), f.operator())
    assert decision.data["asked_how"] == "telephone"
    assert decision.data["asked_on"] == "2026-10-09"
    assert decision.notes["asked_by"] == "Mme la principale"
    assert decision.request.acted_on_behalf == {10}


@pytest.mark.parametrize("how", RequestedBy)
@pytest.mark.rule("R5")
def test_behalf__each_way_of_asking(how: RequestedBy) -> None:
    command = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf(how=how))
    assert accepted(f.facts_for(Trigger.DELEGATE), command, f.operator()).data["asked_how"] == how.value


@pytest.mark.parametrize("changes", [{"who": "  "}, {"who": "x" * 1001}, {"when": ""}, {"when": "hier, M. Dupont"}])
@pytest.mark.parametrize("trigger", [Trigger.DELEGATE, Trigger.REPORT_CHANGE, Trigger.REVOKE])
@pytest.mark.rule("R5", "R64")
def test_behalf__said_badly(trigger: Trigger, changes: dict[str, str]) -> None:
    command = f.command(trigger, on_behalf=f.on_behalf(**changes))
    reason = refused(f.facts_for(trigger), command, f.operator())["bad_field"]
    assert (reason.field, reason.rule) == ("on_behalf", "R5")


@pytest.mark.rule("R5")
def test_behalf__not_asked_tomorrow() -> None:
    facts = f.facts_for(Trigger.DELEGATE)
    today = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf(when="2026-10-12"))
    accepted(facts, today, f.operator())
    tomorrow = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf(when="2026-10-13"))
    assert set(refused(facts, tomorrow, f.operator())) == {"date_out_of_bounds"}


@pytest.mark.rule("R5", "R7")
def test_behalf__all_its_faults_at_once() -> None:
    command = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf(who="", when="demain"))
    answer = decide(f.facts_for(Trigger.DELEGATE), command, f.operator(), f.NOW, f.policy())
    assert isinstance(answer, Refused)
    assert [reason.message for reason in answer.reasons] == [
        "La personne qui a demandé est vide",
        "Le jour de la demande n'est pas une date (exemple : 2026-09-01)",
    ]


@pytest.mark.rule("R5")
def test_behalf__of_a_chef_himself_means_nothing() -> None:
    decision = accepted(f.facts_for(Trigger.DELEGATE), f.command(Trigger.DELEGATE, on_behalf=f.on_behalf(when="?")))
    assert "asked_on" not in decision.data
    assert "asked_by" not in decision.notes
    assert decision.request.acted_on_behalf == frozenset()


@pytest.mark.rule("R37")
def test_behalf__does_not_change_the_chef() -> None:
    command = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf())
    decision = accepted(f.facts_for(Trigger.DELEGATE), command, f.operator(name="Opératrice"))
    assert decision.request.chef_name == f.CHEF_NAME


ACTED = frozenset({10, 11})


@pytest.mark.parametrize("trigger", [Trigger.ISSUE_CODE, Trigger.REISSUE_CODE])
@pytest.mark.rule("R6")
def test_four_eyes__who_acted_for_the_school_does_not_issue(trigger: Trigger) -> None:
    facts = f.facts_for(trigger)
    assert facts.request
    facts = replace(facts, request=facts.request.with_(acted_on_behalf=ACTED))
    reasons = refused(facts, f.command(trigger), four_eyes=True)
    assert set(reasons) == {"four_eyes"}
    assert reasons["four_eyes"].remedy == "Un autre opérateur doit émettre le code."
    accepted(facts, f.command(trigger), f.operator(number=12), four_eyes=True)
    accepted(facts, f.command(trigger))


@pytest.mark.rule("R6")
def test_four_eyes__remembered_along_the_whole_request() -> None:
    first = f.request(State.DECLARED, acted_on_behalf=frozenset({11}))
    command = f.command(Trigger.DELEGATE, on_behalf=f.on_behalf())
    decision = accepted(f.facts(first), command, f.operator())
    assert decision.request.acted_on_behalf == ACTED


@pytest.mark.parametrize("trigger", [Trigger.CONFIRM_HANDOVER, Trigger.REPORT_CHANGE])
@pytest.mark.rule("R6")
def test_four_eyes__who_issued_does_not_act_for_the_school(trigger: Trigger) -> None:
    facts = f.facts(f.request(State.CODE_ISSUED, issued_by=10))
    command = f.command(trigger, on_behalf=f.on_behalf())
    reason = refused(facts, command, f.operator(), four_eyes=True)["four_eyes"]
    assert reason.message == "Vous avez émis le code de cette demande, ou étendu la clé"
    accepted(facts, command, f.operator(number=12), four_eyes=True)
    accepted(facts, command, f.operator())
    if trigger is Trigger.REPORT_CHANGE:
        accepted(facts, f.command(trigger), f.operator(), four_eyes=True)


@pytest.mark.rule("R6")
def test_four_eyes__leaves_the_issuers_own_work_and_a_renewal() -> None:
    issued = f.request(State.CODE_ISSUED, issued_by=10)
    behalf = f.on_behalf()
    accepted(f.facts(issued), f.command(Trigger.REVOKE, on_behalf=behalf), f.operator(), four_eyes=True)
    ended = f.facts(f.request(State.REVOKED, issued_by=10))
    renewed = accepted(ended, f.command(Trigger.RENEW, on_behalf=behalf), f.operator(), four_eyes=True).request
    assert renewed.issued_by is None
    assert renewed.acted_on_behalf == {10}


@pytest.mark.rule("R6")
def test_four_eyes__the_last_issue_counts() -> None:
    issued = accepted(f.facts_for(Trigger.ISSUE_CODE), f.command(Trigger.ISSUE_CODE), f.operator()).request
    assert issued.issued_by == 10
    again = accepted(f.facts(issued), f.command(Trigger.REISSUE_CODE), f.operator(number=12)).request
    assert again.issued_by == 12
    command = f.command(Trigger.CONFIRM_HANDOVER, handed_on=f.TODAY, on_behalf=f.on_behalf())
    accepted(f.facts(again), command, f.operator(), four_eyes=True)
    assert set(refused(f.facts(again), command, f.operator(number=12), four_eyes=True)) == {"four_eyes"}
