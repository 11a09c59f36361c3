"""``oda demo --check``: counts what the scenarios foresee, and fails when a count is another."""

from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner

from portal.cli.main import oda
from portal.demo import runtime as check
from portal.demo import scenario
from portal.demo.runtime import play_season
from tests.kit.demo_season import season_cache

pytestmark = pytest.mark.xdist_group("demo")  # one worker plays the season, once


def test_check__all_is_as_foreseen_or_it_says_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario that expects another count is the one thing told, and the exit says it.

    The season is the one that this run plays for all; its year's end is lived here.
    """
    monkeypatch.setattr(check, "play_season", partial(play_season, cache=season_cache()))
    monkeypatch.setattr(check, "LAST_YEAR", replace(scenario.LAST_YEAR, count=9))
    done = CliRunner().invoke(oda, ["demo", "--check"])
    assert done.exit_code == 1, done.output
    lines = done.stdout.splitlines()
    assert "Demandes 2026-2027, demandée : 39." in lines
    assert "Révoquées à la fin de l'année 2026-2027 : 116." in lines
    assert [line for line in lines if "au lieu de" in line] == [
        "Demandes 2025-2026, révoquée : 8, au lieu de 9.",
        "Retraits à faire : 43, au lieu de 44.",
    ]
    assert "Retraits à faire : 43, au lieu de 44." in done.stderr


def test_check__opens_nothing() -> None:
    done = CliRunner().invoke(oda, ["demo", "--check", "--port", "8000"])
    assert done.exit_code == 2
    assert "--check n'ouvre rien" in done.stderr
