"""All triggers by all roles in any order, with time passing, on both databases (R1 to R10, R47, R50 to R53)."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Life

EXAMPLES = int(os.environ.get("ODA_STATEFUL_EXAMPLES", "40"))
STEPS = 40
REPEATABLE = "CI" in os.environ
"""CI judges a change, not the day's luck: elsewhere each run draws other lives (ODA_STATEFUL_EXAMPLES draws more)."""


@pytest.mark.rule("R1", "R2", "R3", "R8", "R18", "R24", "R35", "R36", "R42", "R47", "R50", "R51", "R52", "R53", "R62")
def test_life__same_as_the_model(backend: str) -> None:
    machine = type("Life", (Life,), {"backend": backend})
    examples = EXAMPLES if backend == "sqlite" else max(1, EXAMPLES // 2)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, print_blob=True, derandomize=REPEATABLE,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
