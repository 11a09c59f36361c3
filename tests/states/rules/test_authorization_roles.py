"""Each role before each action (R2 to R5)."""

import pytest

from states.vocabulary import Role, Trigger
from tests.kit import factories as f
from tests.states.answers import accepted, refused

OF_CHEF = {
    Trigger.DECLARE, Trigger.DELEGATE, Trigger.SIGN_CHARTER, Trigger.SUBMIT, Trigger.CONFIRM_HANDOVER, Trigger.AMEND,
    Trigger.TAKE_BACK, Trigger.WITHDRAW, Trigger.RENEW, Trigger.ANSWER_QUESTION,
}  # fmt: skip
OF_BOTH = {Trigger.REPORT_CHANGE}
IN_PERSON = {Trigger.OPEN_CODE}
OF_SCHEDULE = {Trigger.EXPIRE}
OF_CONNECTOR = {Trigger.CONFIRM_REMOVAL}
OF_LISTS = {
    Trigger.CHECK_LISTING: "not_an_automatic_check", Trigger.CHECK_DELEGATION: "not_an_automatic_check",
    Trigger.REPORT_CHANGE: "change_of_the_lists",
}  # fmt: skip
OF_OPERATOR = set(Trigger) - OF_CHEF - OF_BOTH - OF_SCHEDULE - IN_PERSON


def verdict(role: Role, trigger: Trigger) -> str | None:
    """The code of the refusal that the reference wants, None for an acceptance."""
    if role is Role.SCHEDULE and trigger is Trigger.REVOKE:
        return "no_dated_revocation"
    if role is Role.SCHEDULE and trigger in OF_LISTS:
        return OF_LISTS[trigger]
    if role is Role.SCHEDULE:
        return None if trigger in OF_SCHEDULE else "wrong_role"
    if role is Role.CONNECTOR:
        return None if trigger in OF_CONNECTOR else "wrong_role"
    if role is Role.OPERATOR and trigger in OF_CHEF:
        return "behalf_needed"
    if role is Role.OPERATOR:
        return "wrong_role" if trigger in OF_SCHEDULE | IN_PERSON else None
    if role is Role.RUPN:
        return "change_of_the_rupn" if trigger is Trigger.REPORT_CHANGE else "wrong_role"
    if role in (Role.CHEF, Role.DEPUTY):
        return None if trigger in OF_CHEF | OF_BOTH | IN_PERSON else "wrong_role"
    return "wrong_role"


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.rule("R2", "R4", "R5", "R84", "R112", "R113")
def test_role__each_before_each_action(trigger: Trigger, role: Role) -> None:
    expected = verdict(role, trigger)
    if expected is None:
        accepted(f.facts_for(trigger), f.command(trigger), f.actor(role))
    else:
        assert set(refused(f.facts_for(trigger), f.command(trigger), f.actor(role))) == {expected}


@pytest.mark.parametrize("trigger", sorted(OF_CHEF | OF_BOTH | IN_PERSON))
@pytest.mark.rule("R4")
def test_deputy__refused_by_the_setting(trigger: Trigger) -> None:
    reasons = refused(f.facts_for(trigger), f.command(trigger), f.deputy(), deputy_may_act=False)
    assert set(reasons) == {"deputy_may_not_act"}
    assert reasons["deputy_may_not_act"].remedy == "La faire faire par le chef d'établissement."


@pytest.mark.rule("R4")
def test_deputy__setting_leaves_the_chef_alone() -> None:
    accepted(f.facts_for(Trigger.DELEGATE), f.command(Trigger.DELEGATE), f.chef(), deputy_may_act=False)


@pytest.mark.rule("R3", "R4", "R7")
def test_deputy__of_another_school_is_told_both() -> None:
    facts = f.facts_for(Trigger.DELEGATE)
    reasons = refused(facts, f.command(Trigger.DELEGATE), f.deputy(f.OTHER_UAI), deputy_may_act=False)
    assert set(reasons) == {"deputy_may_not_act", "not_your_establishment"}


@pytest.mark.rule("R2")
def test_wrong_role__says_whom_to_ask() -> None:
    reasons = refused(f.facts_for(Trigger.REVOKE), f.command(Trigger.REVOKE), f.chef())
    assert reasons["wrong_role"].message == "Seul un opérateur du rectorat peut révoquer"
    assert reasons["wrong_role"].remedy == "Le lui demander."
    reasons = refused(f.facts_for(Trigger.SUBMIT), f.command(Trigger.SUBMIT), f.reader())
    assert reasons["wrong_role"].message == (
        "Seul un chef d'établissement, un adjoint ou un opérateur du rectorat peut envoyer la demande"
    )


@pytest.mark.rule("R2", "R84")
def test_wrong_role__sends_nobody_to_a_program() -> None:
    reasons = refused(f.facts_for(Trigger.CONFIRM_REMOVAL), f.command(Trigger.CONFIRM_REMOVAL), f.reader())
    assert reasons["wrong_role"].message.startswith("Seul un opérateur du rectorat peut")


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SCHEDULE])
@pytest.mark.rule("R2", "R50")
def test_wrong_role__nobody_ends_a_year_by_hand(role: Role) -> None:
    reasons = refused(f.facts_for(Trigger.EXPIRE), f.command(Trigger.EXPIRE), f.actor(role))
    assert reasons["wrong_role"].remedy == "Elle se fait seule à la fin de l'année ; avant, un opérateur peut révoquer."
