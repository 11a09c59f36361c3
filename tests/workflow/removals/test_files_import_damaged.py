"""200 files made from good ones: each is refused whole, or the removals that it confirms are the right ones (R49)."""

from collections.abc import Callable

import pytest

from states.vocabulary import RemovalOutcome
from tests.kit.damaged_files import damaged
from workflow.removals.files import EXAMPLES, FileRefused, RemovalRow, read_removals

REFERENCES = [f"ODA-2027-{number:05d}" for number in range(1, 13)]
OUTCOMES = list(RemovalOutcome)


def rows_of(columns: str) -> list[list[str]]:
    cells: dict[str, Callable[[int], str]] = {
        "Référence": lambda n: REFERENCES[n],
        "Résultat": lambda n: EXAMPLES[OUTCOMES[n % 4]],
        "Précision": lambda n: "vérifié à la console" if n % 3 == 0 else "",
        "Élève": lambda n: "",
        "UAI": lambda n: "0310001H",
    }
    return [[cells[name](n) for name in columns.split(";")] for n in range(len(REFERENCES))]


@pytest.mark.parametrize(
    "columns",
    ["Référence;Résultat;Précision", "Référence;Précision;Résultat", "UAI;Précision;Référence;Élève;Résultat"],
)
@pytest.mark.parametrize("default", [None, RemovalOutcome.REMOVED])
@pytest.mark.rule("R49", "R83")
def test_damaged__confirms_nothing_wrong(columns: str, default: RemovalOutcome | None) -> None:
    right = {
        reference: (OUTCOMES[n % 4], "vérifié à la console" if n % 3 == 0 else "")
        for n, reference in enumerate(REFERENCES)
    }
    text = "\n".join([columns, *(";".join(row) for row in rows_of(columns)), ""])
    wrong, refusals = [], list[str]()
    for name, content in damaged(text, 200, seed=len(columns)):
        try:
            rows = read_removals(content, default, most=100, most_bytes=10_000)
        except FileRefused as refusal:
            refusals.append(str(refusal))
            continue
        confirmed = [row for row in rows if isinstance(row, RemovalRow)]
        wrong += [(name, row) for row in confirmed if right.get(row.reference) != (row.outcome, row.note)]
    assert wrong == []
    assert 50 < len(refusals) < 180
    assert min(map(len, refusals)) > 40  # each says what to do
