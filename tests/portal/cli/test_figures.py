"""``oda figures``: to a person, to a program, as files; the tables verified and made anew (R99)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from portal.cli.main import oda
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.installation import OPERATOR, READER
from tests.kit.year_end_scene import FULL
from workflow.app import App
from workflow.database.journal_tables import DAILY_FIGURE

pytestmark = pytest.mark.rule("R99")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    clock = FakeClock(year_end_scene.AUTUMN)
    replace_system_clock(monkeypatch, clock)
    app = year_end_scene.filled_folder(tmp_path, clock)
    yield app
    app.close()


def run(folder: Path, *args: str, who: str = f"reader:{READER}") -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), "--as", who, "figures", *args])


def test_figures__to_a_person_and_to_a_program(app: App, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert "Établissements qui ont un RUPN déclaré" in result.stdout
    assert "Haute-Garonne" in result.stdout
    read = json.loads(run(tmp_path, "--json").stdout)
    whole = read["states"][-1]
    assert whole["departement"] == "Académie"
    with app.database.read() as connection:
        live = connection.exec_driver_sql(
            "SELECT count(*) FROM delegation_request WHERE school_year = '2026-2027'"
        ).scalar_one()
    assert whole["total"] == live > 0
    assert run(tmp_path, "--csv").stdout.lstrip("\ufeff").startswith("Établissements qui ont un RUPN déclaré")


@pytest.mark.parametrize("name", ["chiffres.pdf", "chiffres.xlsx", "chiffres.ods", "chiffres.csv"])
def test_figures__as_a_file(app: App, tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "-o", str(tmp_path / name))
    assert done.exit_code == 0, done.output
    assert (tmp_path / name).stat().st_size > 500
    again = run(tmp_path, "-o", str(tmp_path / name))
    assert (again.exit_code, "--force" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("args", "words"),
    [(("--date", "01/01/2090"), "est à venir"), (("-o", "chiffres.txt"), "doit finir par .pdf")],
)
def test_figures__a_wrong_request_says_what_to_do(app: App, tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    done = run(tmp_path, *args)
    assert (done.exit_code, words in done.output) == (2, True), done.output


def test_figures__verified_then_made_anew(app: App, tmp_path: Path) -> None:
    operator = f"operator:{OPERATOR}"
    assert "sont recomptés, pour" in run(tmp_path, "rebuild", who=operator).stdout
    assert run(tmp_path, "verify").stdout == "Les chiffres disent ce que dit le journal.\n"
    with app.database.write() as connection:
        connection.execute(update(DAILY_FIGURE).values(declared=DAILY_FIGURE.c.declared + 1))
    result = run(tmp_path, "verify")
    assert result.exit_code == 1
    assert "oda figures rebuild" in result.output
    assert "le journal dit" in result.output
    run(tmp_path, "rebuild", who=operator)
    assert run(tmp_path, "verify").exit_code == 0


@pytest.mark.rule("R2", "R3")
def test_figures__are_the_rectorat_s_and_an_operator_makes_them_anew(app: App, tmp_path: Path) -> None:
    assert (run(tmp_path, who=f"chef:{FULL}").exit_code, run(tmp_path, "rebuild").exit_code) == (1, 1)
