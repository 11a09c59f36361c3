"""The definition's fingerprint: it changes with the process, and its version's note says so (R117)."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from states.transitions import FINGERPRINT_LENGTH, TABLE, definition_fingerprint, to
from states.vocabulary import Role, State, Trigger

ROOT = Path(__file__).parents[2]
NOTES = ROOT / "docs" / "mise-a-jour.md"

pytestmark = pytest.mark.rule("R117")


def test_fingerprint__is_the_one_noted_for_this_version_with_what_changes() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    row = re.search(
        rf"^\| {re.escape(version)} \| `(\w+)` \| (.+) \|$", NOTES.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert row, f"{NOTES.name} has no fingerprint for {version}"
    assert row[1] == definition_fingerprint(), (
        f"The definition has changed: {definition_fingerprint()}. Write it in {NOTES.name} with what changes, on this"
        " version's row; if this version went out already (its tag exists), on the next one's, set in pyproject.toml."
    )
    assert len(row[2]) > 20


def test_fingerprint__changes_with_an_arrow_a_role_a_rule_and_a_row() -> None:
    row = next(transition for transition in TABLE if transition.trigger is Trigger.SUBMIT)
    others = [
        replace(row, arrows=to(State.REQUESTED, State.DELEGATED)), replace(row, roles=row.roles | {Role.DEPUTY}),
        replace(row, check=TABLE[0].check), replace(row, apply=TABLE[0].apply), replace(row, after_end=True),
    ]  # fmt: skip
    tables = [tuple(other if transition is row else transition for transition in TABLE) for other in others]
    prints = {definition_fingerprint(table) for table in (TABLE, TABLE[1:], *tables)}
    assert len(prints) == 7


def test_fingerprint__does_not_depend_on_the_order_of_the_table() -> None:
    assert definition_fingerprint(TABLE[::-1]) == definition_fingerprint()
    assert re.fullmatch(rf"[0-9a-f]{{{FINGERPRINT_LENGTH}}}", definition_fingerprint())
