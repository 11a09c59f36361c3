"""The change of the codes' key killed at each of its points through the real command, on both databases (R71)."""

import signal
from pathlib import Path

import pytest

from tests.kit.forked_process import exit_code_of
from tests.kit.installation import OPERATOR, make_installation
from tests.kit.killed_process import run_oda
from tests.kit.sealed_codes import SealedCodes

CODES = 450


@pytest.fixture
def safe(database_url: str, tmp_path: Path) -> SealedCodes:
    return SealedCodes(make_installation(tmp_path, database_url))


def oda(safe: SealedCodes, *words: str, point: str = "", nth: int = 1) -> int:
    """Run the command in a process of its own, killed at that passage of the point; returns how it ended."""
    line = ["--config", str(safe.settings.source), "--as", f"operator:{OPERATOR}", *words]
    return exit_code_of(run_oda, line, point, nth)


@pytest.mark.rule("R71")
def test_kill__a_new_key_is_there_whole_or_not_at_all(safe: SealedCodes) -> None:
    codes, (old,) = safe.fill(3), safe.keys
    assert oda(safe, "secrets", "new-key", point="keyring.before_rename", nth=1) == -signal.SIGKILL
    assert safe.keys == [old]
    assert safe.opened() == codes
    assert oda(safe, "secrets", "new-key") == 0
    assert (len(safe.keys), safe.keys[1]) == (2, old)
    assert safe.opened() == codes
    assert {path.name for path in safe.file.parent.iterdir()} == {"seal-key", "journal-key", "seal-signing-key"}
    assert safe.flaws() == []


@pytest.mark.rule("R71")
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("reseal.before_commit", 1),
        ("reseal.before_commit", 2),
        ("reseal.between_batches", 1),
        ("reseal.between_batches", 3),
        ("keyring.before_rename", 1),
    ],
)
def test_kill__a_rotation_is_taken_up_again_and_loses_nothing(safe: SealedCodes, point: str, nth: int) -> None:
    codes = safe.fill(CODES)
    assert oda(safe, "secrets", "new-key") == 0
    new, old = safe.keys
    assert oda(safe, "secrets", "rotate", point=point, nth=nth) == -signal.SIGKILL
    assert safe.keys == [new, old]
    assert safe.opened() == codes
    assert oda(safe, "secrets", "rotate") == 0
    assert safe.keys == [new]
    assert safe.opened(new) == codes
    assert {path.name for path in safe.file.parent.iterdir()} == {"seal-key", "journal-key", "seal-signing-key"}
    assert safe.flaws() == []
