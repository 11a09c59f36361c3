import pytest

from states.vocabulary import CheckOutcome, Labelled, State


def test_member__is_found_by_what_is_stored_and_by_nothing_else() -> None:
    assert [State(state.value) for state in State] == list(State)
    assert CheckOutcome("negative").label == "introuvable"
    for value in ("conforme", "NEGATIVE", ""):
        with pytest.raises(ValueError, match="CheckOutcome"):
            CheckOutcome(value)


def test_member__without_a_label_is_refused_where_it_is_declared() -> None:
    with pytest.raises(TypeError, match="'bare' has no label"):

        class Unlabelled(Labelled):
            BARE = "bare"
