"""Durations of what is personal (R110): months, with bounds, in one place."""

from pathlib import Path

import pytest

from tests.workflow.settings.files import MINIMAL, written
from workflow.settings.loader import load_settings
from workflow.settings.retention import RetentionSettings
from workflow.settings.yaml_reader import SettingsError


@pytest.mark.rule("R110")
def test_defaults() -> None:
    assert RetentionSettings() == RetentionSettings(requests=12, lists=3, mails=3, addresses=6)


@pytest.mark.rule("R110")
@pytest.mark.parametrize("line", ["requests: 0", "requests: 61", "lists: 25", "mails: 0", "addresses: 13"])
def test_out_of_bounds__refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(written(tmp_path, MINIMAL + f"\nretention:\n  {line}\n"))
