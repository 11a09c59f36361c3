"""A small valid settings file, and what is said of its variants."""

from pathlib import Path

import pytest

from workflow.settings.loader import load_settings
from workflow.settings.model import Settings
from workflow.settings.yaml_reader import SettingsError, SettingsProblem

MINIMAL = """\
academie:
  nom: Toulouse
  code: 16
  zone: C
  departements: [031, 09]
people:
  operators:
    - op@ac-toulouse.fr
mail:
  sender: ODA <oda@ac-toulouse.fr>
  operators_mailbox: oda@ac-toulouse.fr
  signature: Clés ODA
  contact: 05 00 00 00 00
  relay:
    host: localhost
"""
LINES = MINIMAL.count("\n")


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, extra: str = "", *, replace: tuple[str, str] = ("", "")) -> Settings:
    """The minimal file loaded, with a text replaced in it and lines added at its end."""
    assert replace[0] in MINIMAL
    return load_settings(written(folder, MINIMAL.replace(*replace, 1) + extra))


def refused(folder: Path, text: str) -> tuple[SettingsProblem, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(written(folder, text))
    return caught.value.problems


def only_problem(folder: Path, extra: str) -> SettingsProblem:
    """The single problem that these lines add to the minimal file."""
    (problem,) = refused(folder, MINIMAL + extra)
    return problem
