"""``oda deploy``: the files that put the service in place, of the wheel or of the sources."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli.main import oda

DEPLOY = Path(__file__).parents[3] / "deploy"
NAMES = sorted(path.name for path in DEPLOY.iterdir())


def test_list__says_what_each_file_is_for() -> None:
    result = CliRunner().invoke(oda, ["deploy", "list"])
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    assert [name.strip() for name in lines] == NAMES
    assert all(purpose.strip() for purpose in lines.values())


@pytest.mark.parametrize("name", NAMES)
def test_show__writes_the_file_as_it_is(name: str) -> None:
    result = CliRunner().invoke(oda, ["deploy", "show", name])
    assert result.stdout_bytes == (DEPLOY / name).read_bytes()


def test_show__another_name_says_where_the_list_is() -> None:
    result = CliRunner().invoke(oda, ["deploy", "show", "../config.yaml"])
    assert result.exit_code == 2
    assert "oda deploy list" in result.output


def test_show__the_wheel_s_files_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only.conf").write_text("# Un essai\n", encoding="utf-8")
    monkeypatch.setattr("portal.cli.install._PACKAGED", tmp_path)
    assert CliRunner().invoke(oda, ["deploy", "list"]).stdout == "only.conf  Un essai\n"
