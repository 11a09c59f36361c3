"""``oda check-config --connect``: what the settings connect to is tried, and what is wrong is said (R70, R101)."""

import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli.main import oda
from portal.cli.settings import TrialResult, TrialUnfit, run_trials
from tests.kit.installation import make_installation
from tests.kit.ports import free_port


def test_run__one_that_never_answers_keeps_nobody_waiting() -> None:
    never = threading.Event()

    def unfit() -> str:
        raise TrialUnfit("en panne", "réparer")

    def broken() -> str:
        raise RuntimeError("un secret")

    begun = time.monotonic()
    results = run_trials(
        [("Relais", lambda: str(never.wait())), ("Base", lambda: "va bien"), ("A", unfit), ("B", broken)], 0.2
    )
    assert time.monotonic() - begun < 3
    never.set()
    assert [result.is_well for result in results] == [False, True, False, False]
    assert results[0].text == "pas de réponse en 0.2 secondes"
    assert results[2] == TrialResult("A", "en panne", "réparer")
    assert "secret" not in str(results[3])


def connect(config: Path) -> Result:
    return CliRunner().invoke(oda, ["--config", str(config), "check-config", "--connect"])


@pytest.mark.rule("R70")
def test_connect__the_database_is_well_and_the_relay_is_not(tmp_path: Path) -> None:
    config = make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}")
    text = config.read_text().replace("host: localhost", f"host: localhost\n    port: {free_port()}")
    config.write_text(text + "    security: none\n")
    done = connect(config)
    assert done.exit_code == 69
    assert "  Base de données : elle répond" in done.stdout
    assert "! Relais : étape « connexion »" in done.stdout
    assert "1 essai sans succès" in done.stderr
    assert "Que faire : vérifier mail.relay.host" in done.stderr
    (tmp_path / "oda.sqlite").unlink()
    assert "! Base de données : " in connect(config).stdout
