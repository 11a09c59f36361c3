"""Whatever the rows: an import is a function of the file, and doing it again does nothing (R66)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from states.validation import is_wrongly_decoded
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import file_of, row, uai_of

TEXT = st.characters(codec="utf-8")


def words(size: int) -> st.SearchStrategy[str]:
    """Any text but one that looks as if its accents were spoilt, which refuses the whole file (R67)."""
    return st.text(TEXT, max_size=size).filter(lambda text: not is_wrongly_decoded(text))


UAIS = st.one_of(st.integers(1, 6).map(uai_of), st.sampled_from(["0310001A", "310001", "", " 0310003k "]))
ROWS = st.builds(
    row,
    UAIS,
    nom=st.one_of(st.sampled_from(["Collège", "LYCÉE", " "]), words(8)),
    kind=st.sampled_from(["Collège", "Lycée", "EREA", "Ecole", "Campus"]),
    commune=words(4),
    departement=st.sampled_from(["031", "31", "2A", "ZZ", ""]),
    academie=st.sampled_from(["16", "016", "11", "x"]),
    mail=st.sampled_from(["", "a@ac-toulouse.fr", "B@Ac-Toulouse.fr", "a@x.fr;b@x.fr", "rien"]),
    etat=st.sampled_from(["OUVERT", "FERMÉ", "A FERMER", "?"]),
)
FILES = st.lists(ROWS, max_size=12)
KEEPER = row("0311111C")  # so that no file is empty


@pytest.mark.rule("R66")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=FILES, rows=FILES, order=st.randoms())
def test_import__again_or_in_another_order_changes_nothing(
    any_bench: Bench, before: list[dict[str, str]], rows: list[dict[str, str]], order: object
) -> None:
    any_bench.bring(KEEPER, *before, accept_loss=True)
    dry = any_bench.bring(KEEPER, *rows, dry_run=True)
    real = any_bench.bring(KEEPER, *rows, accept_loss=True)
    assert (dry.new, dry.changed, dry.gone) == (real.new, real.changed, real.gone)
    once = any_bench.everything()
    order.shuffle(rows)  # type: ignore[attr-defined]
    again = any_bench.bring_bytes(file_of(*rows, KEEPER))
    assert not again.changes_something
    assert any_bench.everything() == once
