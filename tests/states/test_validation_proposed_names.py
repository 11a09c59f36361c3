"""Names as a French administration writes them: proposed, and the same person all the same (R16, R17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.validation import fold, name_flaw, proposed_name


@pytest.mark.rule("R16")
@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("MARTIN", "Martin"),
        ("zoé", "Zoé"),
        ("ÉLISE", "Élise"),
        ("jean-baptiste", "Jean-Baptiste"),
        ("DE LA ROCHEFOUCAULD", "de La Rochefoucauld"),
        ("de la rochefoucauld", "de La Rochefoucauld"),
        ("D'ARTAGNAN", "d'Artagnan"),
        ("D’ORMESSON", "d’Ormesson"),
        ("L'HERMITTE", "L'Hermitte"),
        ("N'DIAYE", "N'Diaye"),
        ("O'BRIEN", "O'Brien"),
        ("MCDONALD", "McDonald"),
        ("MACRON", "Macron"),
        ("LE GOFF", "Le Goff"),
        ("VAN DER MEER", "Van der Meer"),
        ("DUPONT DIT LEBRUN", "Dupont dit Lebrun"),
        ("J.-P.", "J.-P."),
        ("j", "J"),
        ("DE", "De"),
        ("", ""),
    ],
)
def test_proposed_name__as_an_administration_writes_it(typed: str, proposed: str) -> None:
    assert proposed_name(typed) == proposed


@pytest.mark.parametrize(
    "typed", ["Martin", "LeBlanc", "McDonald", "de La Tour", "De Smet", "İNCE", "مريم", "Ng", "µµ", "ↃↃ"]
)
def test_proposed_name__what_was_written_with_care_stays(typed: str) -> None:
    assert proposed_name(typed) == typed


_LETTERS = "aàbçdeéfghiïjklmnoôpqrstuùvwxyzßæœñ ABCÇDEÉFGHIJKLMNOÔPQRSTUÜVWXYZŒÆÑ-'’.łđіјжЖΣσςαΑµↃↄ"


@given(st.text(st.sampled_from(_LETTERS), max_size=40))
def test_proposed_name__the_same_person_and_said_once(typed: str) -> None:
    proposed = proposed_name(typed)
    assert fold(proposed) == fold(typed)
    assert proposed_name(proposed) == proposed
    assert name_flaw(proposed) is None or name_flaw(typed) is not None
