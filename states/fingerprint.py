"""The definition's fingerprint: a few characters that differ as soon as the process is not the same (R117).

What it covers is what a reader of the table sees: the states, and of each trigger its arrows, its roles, the names of
its rules and whether it outlives the school year. What a rule itself says is the tests' affair, and the changelog's.
"""

import hashlib
from collections.abc import Sequence

from states.transitions import TABLE, UNBORN, Transition
from states.vocabulary import State

LENGTH = 12


def definition_text(table: Sequence[Transition] = TABLE) -> str:
    """What the fingerprint is of, a line a state and a trigger; the order of rows, arrows and roles does not count."""
    return "\n".join([f"states {' '.join(state.value for state in State)}", *sorted(map(_line, table))])


def definition_fingerprint(table: Sequence[Transition] = TABLE) -> str:
    return hashlib.sha256(definition_text(table).encode()).hexdigest()[:LENGTH]


def _line(transition: Transition) -> str:
    arrows = sorted(f"{source.value if source else UNBORN}>{target.value}" for source, target in transition.arrows)
    return " ".join([
        transition.trigger.value, ",".join(arrows), ",".join(sorted(role.value for role in transition.roles)),
        transition.check.__name__, transition.apply.__name__, "after_end" if transition.after_end else "within_year",
    ])  # fmt: skip
