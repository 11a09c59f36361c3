"""Notes between operators: bounded, erasable, in no chain (R64, R88)."""

import pytest

from tests.workflow.requests.office import Office
from workflow.requests.collaboration import LONGEST_NOTE, MOST, PrivateNote, PrivateNotes, notes_of


def notes(office: Office, reference: str) -> tuple[PrivateNote, ...]:
    with office.database.read() as connection:
        return notes_of(connection, reference)


@pytest.mark.rule("R88")
def test_private_notes__are_read_latest_first_and_erased(office: Office) -> None:
    reference, private_notes = office.request(), PrivateNotes(office.engine)
    for text in ("appeler lundi", "  rappelé,\nattend la liste "):
        assert private_notes.write(reference, office.operator, text) == ()
    latest, first = notes(office, reference)
    assert (latest.number, latest.body, latest.author) == (2, "rappelé,\nattend la liste", "op@ac-toulouse.fr")
    assert first.body == "appeler lundi"
    private_notes.erase(reference, first.number)
    assert notes(office, reference) == (latest,)


@pytest.mark.rule("R88")
@pytest.mark.parametrize(
    ("text", "code"), [("", "bad_field"), ("x" * (LONGEST_NOTE + 1), "note_too_long")], ids=["empty", "long"]
)
def test_private_notes__a_wrong_one_is_refused(office: Office, text: str, code: str) -> None:
    reference = office.request()
    reasons = PrivateNotes(office.engine).write(reference, office.operator, text)
    assert [reason.code for reason in reasons] == [code]
    assert notes(office, reference) == ()


@pytest.mark.rule("R88")
def test_private_notes__are_bounded(office: Office) -> None:
    reference, private_notes = office.request(), PrivateNotes(office.engine)
    written = [private_notes.write(reference, office.operator, f"note {number}") for number in range(MOST + 1)]
    assert written[:MOST] == [()] * MOST
    assert [reason.code for reason in written[MOST]] == ["too_many_notes"]


@pytest.mark.rule("R64")
def test_private_notes__are_no_event(office: Office) -> None:
    reference = office.request()
    before = office.view(reference)
    PrivateNotes(office.engine).write(reference, office.operator, "à rappeler")
    after = office.view(reference)
    assert (after.history, after.request.version) == (before.history, before.request.version)
