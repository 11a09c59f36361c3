"""One list follows another: new, changed, gone, refused; done again, nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from notifications.ports import set_crash_hook
from tests.kit.factories import TODAY, reader
from tests.workflow.evidence.shelf import DAY, DELEGATION_TITLES, UAIS, Shelf, line, lines, read, text_of
from workflow.auth.actors import NotAllowed
from workflow.database.file_tables import ListKind
from workflow.evidence.lists import MASSIVE_LOSS, SAME_FILE, ListRefused, list_in_force
from workflow.journal.verification import Verifier


@pytest.mark.rule("R93")
def test_import__says_what_is_new_changed_gone_and_refused(shelf: Shelf) -> None:
    shelf.bring(*lines(4))
    other_mail = line(1, mail="jd@ac-toulouse.fr")
    married = line(2, nom="Durand")
    report = shelf.bring(line(0), other_mail, married, line(5), line(uai="X"), day=DAY + timedelta(1))
    assert [row.nom for row in report.new] == ["Dupontaf"]
    assert [(pair.before.nom, pair.after.nom) for pair in report.changed] == [
        ("Dupontab", "Dupontab"), ("Dupontac", "Durand")
    ]  # fmt: skip
    assert [row.nom for row in report.gone] == ["Dupontad"]
    assert report.unchanged == 1
    assert [remark.line for remark in report.refused] == [6]
    assert shelf.names_in_force() == ["Dupontaa", "Dupontab", "Durand", "Dupontaf"]


@pytest.mark.rule("R93")
def test_rows__never_change_and_those_gone_stay_with_the_import_that_saw_them_last(shelf: Shelf) -> None:
    first = shelf.bring(*lines(3)).number
    second = shelf.bring(*lines(2), day=TODAY).number
    assert [(row["first_import"], row["last_import"]) for row in shelf.entries()] == [
        (first, second), (first, second), (first, first)
    ]  # fmt: skip
    gone = shelf.entries()[2]
    assert (gone["nom"], shelf.names_in_force()) == ("Dupontac", ["Dupontaa", "Dupontab"])


@pytest.mark.rule("R93", "R91")
def test_import__again_changes_nothing_and_is_not_journalled(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    before = shelf.everything()
    report = shelf.bring(*lines(3))
    assert (report.number, report.changes_something, report.unchanged) == (None, False, 3)
    assert shelf.everything() == before
    assert shelf.checked == [ListKind.LISTING]


@pytest.mark.rule("R93")
def test_same_file__at_a_later_date_is_not_taken_in_silence(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    with pytest.raises(ListRefused) as refused:
        shelf.bring(*lines(3), day=TODAY)
    assert [reason.code for reason in refused.value.reasons] == [SAME_FILE]
    report = shelf.bring(*lines(3), day=TODAY, accepted=(SAME_FILE,))
    assert (report.unchanged, report.changes_rows) == (3, False)
    assert [row["list_date"] for row in shelf.imports()] == [DAY, TODAY]


@pytest.mark.rule("R93")
@pytest.mark.parametrize(
    ("day", "code"),
    [
        (None, "list_date_needed"), (TODAY + timedelta(1), "list_date_to_come"), (DAY - timedelta(1), "older_list"),
    ],
)  # fmt: skip
def test_date__is_neither_to_come_nor_before_that_of_the_list_in_force(shelf: Shelf, day: date, code: str) -> None:
    shelf.bring(*lines(3))
    before = shelf.everything()
    with pytest.raises(ListRefused) as refused:
        shelf.bring(*lines(2), day=day)
    assert [reason.code for reason in refused.value.reasons] == [code]
    assert shelf.everything() == before


@pytest.mark.rule("R93")
def test_massive_loss__is_confirmed(shelf: Shelf) -> None:
    shelf.bring(*lines(20))
    with pytest.raises(ListRefused, match="5 lignes des 20") as refused:
        shelf.bring(*lines(15), day=TODAY)
    assert [reason.code for reason in refused.value.reasons] == [MASSIVE_LOSS]
    assert len(shelf.bring(*lines(15), day=TODAY, accepted=(MASSIVE_LOSS,)).gone) == 5


@pytest.mark.rule("R93")
def test_preview__foresees_what_the_import_does_and_writes_nothing(shelf: Shelf) -> None:
    shelf.bring(*lines(20))
    before = shelf.everything()
    foreseen = shelf.lists.preview(read(text_of(lines(15))), TODAY)
    assert ([r.code for r in foreseen.doubtful], len(foreseen.gone), foreseen.number) == ([MASSIVE_LOSS], 5, None)
    assert shelf.everything() == before
    assert [r.code for r in shelf.lists.preview(read(text_of(lines(15))), None).reasons] == ["list_date_needed"]


@pytest.mark.rule("R93")
def test_lists__are_two_and_each_has_its_own_in_force(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    row = f"{UAIS[0]};Petit;Zoé;z@ac-toulouse.fr;Comptes;01/09/2026;31/12/9999;Mme Durand;"
    shelf.bring_read(read(f"{DELEGATION_TITLES}\n{row}\n", ListKind.DELEGATION), DAY - timedelta(30))
    assert (shelf.names_in_force(), shelf.names_in_force(ListKind.DELEGATION)) == (
        ["Dupontaa", "Dupontab", "Dupontac"], ["Petit"]
    )  # fmt: skip
    assert shelf.checked == [ListKind.LISTING, ListKind.DELEGATION]
    with shelf.database.read() as connection:
        in_force = list_in_force(connection, ListKind.DELEGATION)
    assert in_force is not None
    assert (in_force.list_date, in_force.rows, in_force.who) == (DAY - timedelta(30), 1, "n° 10")


@pytest.mark.rule("R93")
def test_rows__of_establishments_that_the_directory_has_not_are_left_out(shelf: Shelf) -> None:
    report = shelf.bring(line(0), line(uai="0750001A"))
    assert (report.rows, [remark.line for remark in report.outside]) == (1, [3])
    assert len(shelf.entries()) == 1


@pytest.mark.rule("R93", "R64")
def test_journal__has_the_counts_and_the_print_and_no_name(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    (event,) = shelf.events()
    assert event["kind"] == "list_imported"
    assert '"rows":3' in event["canonical"]
    assert "upont" not in event["canonical"].lower()
    with shelf.database.read() as connection:
        assert list(Verifier(connection, shelf.hasher).flaws()) == []


@pytest.mark.rule("R93", "R2")
def test_import__is_the_operators_alone(shelf: Shelf) -> None:
    with pytest.raises(NotAllowed):
        shelf.bring(*lines(1), actor=reader())
    assert shelf.entries() == []


@pytest.mark.rule("R93")
def test_import__failing_at_its_end_changes_nothing(shelf: Shelf) -> None:
    shelf.bring(*lines(3))
    before = shelf.everything()

    def fail(point: str) -> None:
        if point == "list.after_write":
            raise RuntimeError(point)

    set_crash_hook(fail)
    try:
        with pytest.raises(RuntimeError):
            shelf.bring(*lines(5), day=TODAY)
    finally:
        set_crash_hook(None)
    assert shelf.everything() == before
    assert len(shelf.checked) == 1


@pytest.mark.rule("R93")
def test_import__two_at_once_are_one(shelf: Shelf) -> None:
    known = read(text_of(lines(30)))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(shelf.bring_read, [known, known]))
    assert sorted(len(report.new) for report in both) == [0, 30]
    assert len(shelf.imports()) == 1


@pytest.mark.rule("R93")
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (UAIS[1], ["Dupontab"]), (UAIS[1].lower(), ["Dupontab"]), ("dupontac JEANNE", ["Dupontac"]),
        ("jeanne.dupont2@", ["Dupontac"]), ("dupont2@", []), ("%", ["Dupontaa", "Dupontab", "Dupontac"]), ("x_y", []),
    ],
)  # fmt: skip
def test_search__by_uai_name_or_address(shelf: Shelf, words: str, names: list[str]) -> None:
    shelf.bring(*lines(3))
    assert [entry.nom for entry in shelf.lists.search(ListKind.LISTING, words, limit=10)] == names
