import json

import pytest

from states.vocabulary import Role
from tests.kit import factories
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import file_of, row, rows, text_of, uai_of
from workflow.auth.actors import NotAllowed
from workflow.directory.importer import ColumnChange, EstablishmentName

FIRST = "0310001H"


@pytest.mark.rule("R66")
def test_import__new_establishments(bench: Bench) -> None:
    imported = bench.bring(row(), row("0751234j ", nom="  LYCÉE\nNEUF ", kind="Lycée", mail=" x@ac-toulouse.fr "))
    assert imported.new == (EstablishmentName(FIRST, f"Collège {FIRST}"), EstablishmentName("0751234J", "LYCÉE NEUF"))
    assert bench.row_of("0751234J") == {
        "uai": "0751234J", "nom": "LYCÉE NEUF", "kind": "Lycée", "commune": "Toulouse", "departement": "31",
        "mailbox": "x@ac-toulouse.fr", "set_mailbox": None, "is_open": True, "is_listed": True,
        "telephone": "", "chef_name": "", "link_asked_at": None, "departement_name": "", "nature": "",
        "chef_civility": "", "siret": "",
    }  # fmt: skip


@pytest.mark.rule("R66")
def test_import__again_changes_and_writes_nothing(bench: Bench) -> None:
    lines = [row(), row(uai_of(2), mail=""), row(uai_of(3), etat="FERMÉ"), row("bad"), row(uai_of(4), nom="")]
    bench.bring(*lines)
    before = bench.everything()
    bench.clock.advance(days=1)
    again = bench.bring(*lines)
    assert (again.changes_something, again.unchanged, len(again.refused)) == (False, 3, 2)
    assert bench.everything() == before


@pytest.mark.rule("R66")
def test_import__changed_with_its_columns(bench: Bench) -> None:
    bench.bring(row(), row(uai_of(2)))
    imported = bench.bring(row(nom="Collège Jean-Moulin", mail="autre@ac-toulouse.fr"), row(uai_of(2)))
    (changed,) = imported.changed
    assert (changed.uai, changed.nom, imported.unchanged) == (FIRST, "Collège Jean-Moulin", 1)
    assert changed.changes == (
        ColumnChange("nom", f"Collège {FIRST}", "Collège Jean-Moulin"),
        ColumnChange("mailbox", f"ce.{FIRST.lower()}@ac-toulouse.fr", "autre@ac-toulouse.fr"),
    )
    assert bench.row_of()["mailbox"] == "autre@ac-toulouse.fr"


@pytest.mark.rule("R66")
@pytest.mark.parametrize(
    ("text", "stored"),
    [("0561361000", "05 61 36 10 00"), (" 05.61.36 10.00 ", "05 61 36 10 00"),
     ("+33 5 61 36 10 00", "+33 5 61 36 10 00"),
     ("", ""), ("x" * 99, "x" * 30)],
)  # fmt: skip
def test_import__telephones_when_the_file_has_them(bench: Bench, text: str, stored: str) -> None:
    content = text_of(row()).replace("etat\n", "etat;telephone\n").replace("OUVERT\n", f"OUVERT;{text}\n")
    bench.bring_bytes(content.encode())
    assert bench.row_of()["telephone"] == stored
    assert bench.bring(row()).changes_something is False
    assert bench.row_of()["telephone"] == stored


@pytest.mark.rule("R66", "R12")
def test_import__gone_is_closed_and_reopens_when_it_comes_back(bench: Bench) -> None:
    bench.bring(row(), row(uai_of(2)))
    imported = bench.bring(row(uai_of(2)))
    assert imported.gone == (EstablishmentName(FIRST, f"Collège {FIRST}"),)
    assert (bench.row_of()["is_listed"], bench.row_of()["is_open"]) == (False, False)
    assert bench.bring(row(uai_of(2))).changes_something is False
    back = bench.bring(row(), row(uai_of(2)))
    assert back.changed[0].changes == (ColumnChange("is_open", False, True), ColumnChange("is_listed", False, True))
    assert (bench.row_of()["is_listed"], bench.row_of()["is_open"]) == (True, True)


@pytest.mark.rule("R66")
def test_import__live_requests_of_closed_establishments_are_listed(bench: Bench) -> None:
    bench.bring(*rows(3))
    references = bench.declare(FIRST, uai_of(2), uai_of(3))
    bench.withdraw(references[2])
    imported = bench.bring(row(etat="FERMÉ"), row(uai_of(4)))
    assert [(s.reference, s.uai) for s in imported.stranded] == [(references[0], FIRST), (references[1], uai_of(2))]
    again = bench.bring(row(etat="FERMÉ"), row(uai_of(4)), dry_run=True)
    assert again.stranded == imported.stranded


@pytest.mark.rule("R66", "R64")
def test_import__one_event_of_counts_without_a_name(bench: Bench) -> None:
    imported = bench.bring(row(), row(uai_of(2), mail=""))
    (event,) = bench.events()
    data = json.loads(event["canonical"])["data"]
    assert (event["kind"], event["stream"], event["role"]) == ("directory_imported", "installation", "operator")
    assert data == {
        "sha256": imported.digest, "rows": 2, "new": 2, "changed": 0, "gone": 0, "unchanged": 0, "refused": 0,
        "warnings": 0, "without_mailbox": 1, "lost": 0,
    }  # fmt: skip
    assert bench.notes() == {}


@pytest.mark.rule("R66")
def test_dry_run__says_the_same_and_writes_nothing(bench: Bench) -> None:
    bench.bring(*rows(3))
    before = bench.everything()
    later = [row(nom="Autre"), row(uai_of(2)), row("faux"), row(uai_of(5))]
    dry = bench.bring(*later, dry_run=True)
    assert bench.everything() == before
    real = bench.bring(*later)
    assert (dry.new, dry.changed, dry.gone, dry.refused, dry.loss, dry.digest) == (
        real.new, real.changed, real.gone, real.refused, real.loss, real.digest,
    )  # fmt: skip
    assert (dry.is_dry_run, real.is_dry_run) == (True, False)


@pytest.mark.rule("R2", "R66")
@pytest.mark.parametrize("role", [Role.CHEF, Role.DEPUTY, Role.READER, Role.SCHEDULE, Role.CONNECTOR])
def test_import__operators_only(any_bench: Bench, role: Role) -> None:
    before = any_bench.everything()
    with pytest.raises(NotAllowed, match="R2"):
        any_bench.bring_bytes(file_of(row()), factories.actor(role), dry_run=True)
    assert any_bench.everything() == before


@pytest.mark.rule("R66")
def test_import__refused_row_leaves_its_establishment_as_it_is(bench: Bench) -> None:
    bench.bring(row(), row(uai_of(2)))
    before = bench.everything()
    imported = bench.bring(row(), row(uai_of(2), etat="EN TRAVAUX"))
    assert (imported.gone, len(imported.refused)) == ((), 1)
    assert bench.everything() == before


@pytest.mark.rule("R13", "R66")
def test_import__open_establishments_without_mailbox_are_counted(bench: Bench) -> None:
    lines = row(mail=""), row(uai_of(2), mail="", etat="FERME"), row(uai_of(3), mail=""), row(uai_of(4))
    assert bench.bring(*lines).without_mailbox == 2
    bench.set_mailbox(FIRST, "fixe@ac-toulouse.fr")
    assert bench.bring(*lines).without_mailbox == 1
