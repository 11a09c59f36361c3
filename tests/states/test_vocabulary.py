import pytest

from states.vocabulary import CheckOutcome, State


def test_of__the_member_stored_as_a_value_and_no_other() -> None:
    assert [State.of(state.value) for state in State] == list(State)
    assert CheckOutcome.of("negative").label == "introuvable"
    for value in ("conforme", "NEGATIVE", ""):
        with pytest.raises(ValueError, match="CheckOutcome"):
            CheckOutcome.of(value)
