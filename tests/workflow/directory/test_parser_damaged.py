"""200 files made from a good one: each changes nothing with a clear refusal, or says what the good one said (R67)."""

import pytest

from tests.kit.damaged_files import damaged
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import row, rows, text_of, uai_of
from workflow.directory.importer import DirectoryRefused
from workflow.spreadsheets.workbook import UnusableFile

GOOD = [
    *rows(6, nom="Collège Éluard", commune="Cahors", departement="046"),
    *rows(6, 100, nom="Lycée « À venir »", kind="Lycée", departement="031"),
    *rows(4, 200, nom="Collège Bellevue", departement="081", mail=""),
    row(uai_of(300), nom="Collège fermé", departement="081", etat="FERME"),
    *rows(3, 400, nom="École", kind="Ecole"),
]


@pytest.mark.rule("R67")
def test_damaged__changes_nothing_or_is_understood_right(any_bench: Bench) -> None:
    any_bench.bring(*GOOD, accept_loss=True)
    right, wrong, refusals = any_bench.stored(), [], list[str]()
    for name, content in damaged(text_of(*GOOD), 200, seed=11):
        try:
            any_bench.bring_bytes(content)
        except (UnusableFile, DirectoryRefused) as refusal:
            refusals.append(str(refusal))
        if any_bench.stored() != right:
            wrong.append(name)
            any_bench.bring(*GOOD, accept_loss=True)
    assert wrong == []
    assert 100 < len(refusals) < 170  # neither all taken nor all refused
    assert [
        refusal for refusal in refusals if "Que faire : " not in refusal and "Vérifier que le fichier" not in refusal
    ] == []
