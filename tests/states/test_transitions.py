"""The table, the graph of ``transitions`` and the commands say the same thing (R1, R2, R24)."""

import pytest
from transitions import Machine

from states import commands
from states.commands import COMMANDS, Command, OnRequest
from states.transitions import ARROWS, BY_TRIGGER, TABLE, UNBORN, build, compile_arrows, graph_transitions
from states.vocabulary import LIVE_STATES, Role, State, Trigger

S, T = State, Trigger
GRAPH: dict[str, set[tuple[str | None, str]]] = {
    "declare": {(None, "declared")},
    "delegate": {("declared", "delegated")},
    "sign_charter": {("delegated", "charter_signed")},
    "submit": {("charter_signed", "requested")},
    "check_listing": {("requested", "requested")},
    "check_delegation": {("requested", "requested")},
    "send_back": {("requested", "declared"), ("requested", "delegated"), ("requested", "charter_signed")},
    "draw_code": {("requested", "requested"), ("code_issued", "code_issued")},
    "issue_code": {("requested", "code_issued")},
    "reissue_code": {("code_issued", "code_issued")},
    "take_back_code": {("code_issued", "requested"), ("code_issued", "code_issued"), ("requested", "requested")},
    "open_code": {("code_issued", "code_issued")},
    "confirm_handover": {("code_issued", "code_issued")},
    "confirm_expiry": {("code_issued", "code_issued")},
    "report_change": {(s, s) for s in LIVE_STATES},
    "settle_change": {(s, s) for s in S},
    "amend": {(s, s) for s in ("declared", "delegated", "charter_signed")} | {("charter_signed", "delegated")},
    "take_back": {("requested", "charter_signed")},
    "withdraw": {(s, "revoked") for s in ("declared", "delegated", "charter_signed", "requested")},
    "revoke": {(s, "revoked") for s in LIVE_STATES},
    "expire": {(s, "revoked") for s in LIVE_STATES},
    "confirm_removal": {("revoked", "revoked")},
    "reopen_removal": {("revoked", "revoked")},
    "renew": {(None, "declared")},
    "ask_question": {(s, s) for s in LIVE_STATES},
    "answer_question": {(s, s) for s in LIVE_STATES},
    "send_to_drane": {(s, s) for s in S},
}
CHEF, OPERATOR = {Role.CHEF}, {Role.OPERATOR}
ROLES = {
    **dict.fromkeys((T.DECLARE, T.DELEGATE, T.SIGN_CHARTER, T.SUBMIT, T.CONFIRM_HANDOVER, T.AMEND, T.TAKE_BACK), CHEF),
    **dict.fromkeys((T.WITHDRAW, T.RENEW, T.ANSWER_QUESTION), CHEF),
    **dict.fromkeys((T.SEND_BACK, T.DRAW_CODE, T.ISSUE_CODE, T.REISSUE_CODE, T.CONFIRM_EXPIRY), OPERATOR),
    **dict.fromkeys((T.CHECK_LISTING, T.CHECK_DELEGATION), OPERATOR | {Role.SCHEDULE}),
    **dict.fromkeys((T.SETTLE_CHANGE, T.TAKE_BACK_CODE, T.REOPEN_REMOVAL, T.ASK_QUESTION), OPERATOR),
    T.SEND_TO_DRANE: OPERATOR,
    T.REVOKE: OPERATOR | {Role.SCHEDULE},
    T.CONFIRM_REMOVAL: OPERATOR | {Role.CONNECTOR},
    T.OPEN_CODE: CHEF | {Role.DEPUTY},
    T.REPORT_CHANGE: CHEF | OPERATOR | {Role.SCHEDULE, Role.RUPN},
    T.EXPIRE: {Role.SCHEDULE},
}
AFTER_END = {
    T.EXPIRE,
    T.REVOKE,
    T.WITHDRAW,
    T.REPORT_CHANGE,
    T.SETTLE_CHANGE,
    T.CONFIRM_REMOVAL,
    T.RENEW,
    T.REOPEN_REMOVAL,
}


@pytest.mark.rule("R1")
def test_arrows__those_of_the_reference() -> None:
    arrows = {(name, source, target) for name, pairs in GRAPH.items() for source, target in pairs}
    assert {(T(name), (S(source) if source else None, S(target))) for name, source, target in arrows} == ARROWS


@pytest.mark.rule("R1")
def test_arrows__those_of_the_table() -> None:
    assert compile_arrows(build()) == ARROWS == {(line.trigger, arrow) for line in TABLE for arrow in line.arrows}


@pytest.mark.rule("R1")
def test_machine__no_way_past_the_table() -> None:
    machine = build()
    assert set(machine.events) == {t.value for t in T}
    assert not [name for name in machine.events if name.startswith("to_")]
    assert set(machine.states) == {UNBORN, *(s.value for s in S)}
    assert machine.models == []


@pytest.mark.rule("R1")
def test_machine__drawn_as_decided() -> None:
    """What the library itself would do from each state is what the compiled table says."""
    machine = build()
    drawn = {
        (name, source, transition.dest)
        for name in machine.events
        for source in machine.states
        for transition in machine.get_transitions(name, source)
    }
    assert drawn == {(name, s or UNBORN, t) for name, arrows in GRAPH.items() for s, t in arrows}
    assert len(graph_transitions()) == len(ARROWS)


def test_machine__takes_a_drawing_class() -> None:
    class Drawing(Machine):
        pass

    assert isinstance(build(Drawing), Drawing)


@pytest.mark.rule("R1")
def test_states__all_reached_and_left() -> None:
    assert {target for _, (_, target) in ARROWS} == set(S)
    assert {source for _, (source, _) in ARROWS} == {None, *S}
    leaving_the_end = {trigger for trigger, (source, _) in ARROWS if source is S.REVOKED}
    assert leaving_the_end == {T.SETTLE_CHANGE, T.CONFIRM_REMOVAL, T.REOPEN_REMOVAL, T.SEND_TO_DRANE}


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.rule("R2", "R24")
def test_table__one_line_with_its_roles(trigger: Trigger) -> None:
    assert [line.trigger for line in TABLE].count(trigger) == 1
    line = BY_TRIGGER[trigger]
    assert line.roles == ROLES[trigger]
    assert line.after_end is (trigger in AFTER_END)
    assert line.is_birth is (trigger in (T.DECLARE, T.RENEW))
    assert line.sources == tuple(s for s in S if s.value in {source for source, _ in GRAPH[trigger]})


@pytest.mark.rule("R8")
def test_commands__one_class_a_trigger() -> None:
    written = [
        value
        for value in vars(commands).values()
        if isinstance(value, type) and issubclass(value, Command) and value not in (Command, OnRequest)
    ]
    assert sorted(kind.trigger.value for kind in written) == sorted(t.value for t in T)
    assert {kind.trigger: kind for kind in written} == COMMANDS
    assert not issubclass(COMMANDS[T.DECLARE], OnRequest)
    assert all(issubclass(kind, OnRequest) for trigger, kind in COMMANDS.items() if trigger is not T.DECLARE)
