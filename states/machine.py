"""The graph of the table, declared with ``transitions`` and compiled once to a lookup table.

The library holds what is drawn and what is allowed; deciding looks up a dictionary, a hundred times quicker than a
machine's model. No model is ever attached: effects in callbacks would escape the transaction.
"""

from typing import Any, Final

from transitions import Machine

from states.table import TABLE, Arrow
from states.vocabulary import State, Trigger

UNBORN: Final = "unborn"
"""The pseudo-state before a declaration."""


def graph_transitions() -> list[dict[str, Any]]:
    """The arrows of the table in the form that ``transitions`` takes."""
    return [
        {"trigger": line.trigger.value, "source": source.value if source else UNBORN, "dest": target.value}
        for line in TABLE
        for source, target in line.arrows
    ]


def build(machine_class: type[Machine] = Machine, **options: Any) -> Machine:
    """The machine without a model and without the library's automatic ``to_…`` triggers, which pass every guard."""
    return machine_class(
        model=None,
        states=[UNBORN, *(state.value for state in State)],
        initial=UNBORN,
        transitions=graph_transitions(),
        auto_transitions=False,
        **options,
    )


def compile_arrows(machine: Machine) -> frozenset[tuple[Trigger, Arrow]]:
    """Every (trigger, (source, target)) that the machine knows."""
    return frozenset(
        (TRIGGERS[name], (STATES.get(t.source), STATES[str(t.dest)]))
        for name, event in machine.events.items()
        for group in event.transitions.values()
        for t in group
    )


STATES: Final = {state.value: state for state in State}
TRIGGERS: Final = {trigger.value: trigger for trigger in Trigger}
ARROWS: Final = compile_arrows(build())
