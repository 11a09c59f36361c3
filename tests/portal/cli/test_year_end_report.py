"""``oda year-end progress``, ``report``, ``not-renewed`` and the preview's file (R53, R81, R85)."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from portal.cli.main import oda
from states.school_calendar import SchoolYear
from states.vocabulary import Channel
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.installation import OPERATOR, READER
from tests.kit.year_end_scene import FULL, LAST_DAY, OVER, REFERENCES
from workflow.app import App
from workflow.database.schedule_tables import OCCURRENCE
from workflow.journal.chain import schedule_actor
from workflow.spreadsheets.reader import read_table

Run = Callable[..., Result]
AS = ("--as", f"operator:{OPERATOR}")
YEAR = "2026-2027"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock(year_end_scene.SPRING)
    replace_system_clock(monkeypatch, clock)
    return clock


@pytest.fixture
def app(tmp_path: Path, clock: FakeClock) -> Iterator[App]:
    app = year_end_scene.filled_folder(tmp_path, clock)
    yield app
    app.close()


@pytest.fixture
def run(tmp_path: Path, app: App) -> Run:
    def invoke(*args: str) -> Result:
        return CliRunner().invoke(oda, ["--config", str(tmp_path / "config.yaml"), *args])

    return invoke


def over(app: App, clock: FakeClock) -> None:
    year_end_scene.tick_monthly(app, clock)
    clock.set(OVER + timedelta(hours=1))
    app.ticker.tick()


@pytest.mark.rule("R85")
def test_report__to_a_person_and_to_a_program(run: Run, app: App, clock: FakeClock) -> None:
    early = run(*AS, "year-end", "report", YEAR)
    assert early.exit_code == 1
    assert "n'est pas terminée : pas de bilan" in early.stderr
    over(app, clock)
    lines = run(*AS, "year-end", "report", YEAR).stdout.splitlines()
    assert lines[0] == "Année 2026-2027, finie le 31 août 2027 à 24 h."
    assert "  révoquées : 4 demandes dans 3 établissements" in lines
    assert "    département 031 : 3 dans 2 établissements, 2 retraits ouverts" in lines
    assert "Au 1er septembre 2027 à 1 h 00 :" in lines
    assert any("aucune boîte" in line and line.startswith("  ! 0310002J") for line in lines)
    assert any(line.startswith("    le renvoyer : oda mail retry ") for line in lines)
    assert "  RUPN non renouvelés pour 2027-2028 : 3" in lines
    report = json.loads(run("--as", f"reader:{READER}", "year-end", "report", YEAR, "--json").stdout)
    assert (report["revoked"], report["establishments"], report["mails"]) == (4, 3, {"dead": 1, "pending": 2})
    assert (report["held"], report["removals_open"], report["not_renewed"]) == (None, {"remove_rights": 3}, 3)


@pytest.mark.rule("R81")
def test_not_renewed__listed_narrowed_as_a_file_and_explained_when_empty(
    run: Run, app: App, clock: FakeClock, tmp_path: Path
) -> None:
    assert "n'est pas finie" in run(*AS, "year-end", "not-renewed", YEAR).stdout
    assert "personne à renouveler" in run(*AS, "year-end", "not-renewed", "2024-2025").stdout
    over(app, clock)
    requests = json.loads(run(*AS, "year-end", "not-renewed", YEAR, "--json").stdout)
    keys = [REFERENCES[FULL][1], "ODA-2027-00003", "ODA-2027-00004"]
    assert [request["reference"] for request in requests] == keys
    assert "ODA-2027-00004" in run(*AS, "year-end", "not-renewed", YEAR, "--departement", "32").stdout
    assert run(*AS, "year-end", "not-renewed", YEAR, "--departement", "zz").exit_code == 2
    file = tmp_path / "liste.csv"
    assert run(*AS, "year-end", "not-renewed", YEAR, "-o", str(file)).exit_code == 0
    head, *rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")), delimiter=";")
    assert [row[head.index("Référence")] for row in rows] == keys


@pytest.mark.rule("R53")
def test_preview__as_a_file_never_over_another(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "apercu.csv"
    done = run(*AS, "year-end", "preview", "--on", "31/08/2027", "-o", str(file))
    assert (done.exit_code, done.stdout.strip()) == (0, f"{file} est écrit.")
    text = file.read_text(encoding="utf-8-sig")
    assert len(text.splitlines()) == 5
    assert "code qui n'a pas été remis" in text
    again = run(*AS, "year-end", "preview", "-o", str(file))
    assert again.exit_code == 1
    assert "existe déjà" in again.stderr
    assert run(*AS, "year-end", "preview", "-o", str(file), "--force").exit_code == 0
    assert run(*AS, "year-end", "preview", "-o", "-").stdout.startswith("\ufeff")
    assert run(*AS, "year-end", "preview", "-o", "-", "--json").exit_code == 2


@pytest.mark.rule("R85")
def test_progress__to_come_held_running_over(run: Run, app: App, clock: FakeClock) -> None:
    def progress(*options: str) -> str:
        return run(*AS, "year-end", "progress", *options).stdout.strip()

    assert progress() == "Année 2026-2027 : elle finit le 31 août 2027 à 24 h, avec 4 demandes en cours."
    assert progress("--follow") == progress()  # nothing will move for months: it does not wait
    clock.set(OVER + timedelta(hours=1))
    app.ticker.tick()
    assert progress() == "Année 2026-2027 : retenue ; un opérateur la confirme avec « oda year-end confirm 2026-2027 »."
    end = app.year_ends.confirm(SchoolYear(2026), app.people.operator(OPERATOR, Channel.CLI))
    assert progress() == "Année 2026-2027 : en cours, 0 sur 4 demandes révoquées."
    clock.advance(hours=1)
    assert "rien n'avance depuis le 1er septembre 2027" in progress()
    app.year_ends.run(end, schedule_actor(app.database))
    assert progress() == "Année 2026-2027 : terminée, 4 demandes révoquées."
    assert json.loads(progress("--json", YEAR)) == {
        "school_year": YEAR, "last_day": "2027-08-31", "stage": "over", "revoked": 4, "left": 0, "total": 4,
        "moved_at": None,
    }  # fmt: skip
    gone = run(*AS, "year-end", "progress", "2020-2021")
    assert gone.exit_code == 1
    assert "a fini sans ce service" in gone.stderr


@pytest.mark.rule("R85")
def test_progress__followed_after_a_kill_goes_on_from_where_it_was_and_ends_by_itself(
    run: Run, app: App, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine died after one establishment: another takes what is left while somebody looks on."""
    clock.set(OVER + timedelta(hours=1))
    app.ticker.tick()
    end = app.year_ends.confirm(SchoolYear(2026), app.people.operator(OPERATOR, Channel.CLI))
    with app.database.write() as connection:
        dead = {"key": f"year-end:{YEAR}:{LAST_DAY}:0310009Z", "at": clock.now(), "requests": 2}
        connection.execute(insert(OCCURRENCE), [dead])
    looks = iter((False, True))

    def pause() -> None:
        if next(looks):
            app.year_ends.run(end, schedule_actor(app.database))

    monkeypatch.setattr("portal.cli.year_end.pause", pause)
    lines = run(*AS, "year-end", "progress", "--follow").stdout.splitlines()
    assert lines == [  # one line a change, though it looked three times
        "Année 2026-2027 : en cours, 2 sur 6 demandes révoquées.",
        "Année 2026-2027 : terminée, 6 demandes révoquées.",
    ]


@pytest.mark.rule("R2", "R3")
@pytest.mark.parametrize("command", [["progress"], ["report", YEAR], ["not-renewed", YEAR]])
def test_reading__is_for_the_rectorat(run: Run, command: list[str]) -> None:
    done = run("--as", f"chef:{FULL}", "year-end", *command)
    assert (done.exit_code, done.stdout) == (1, "")


@pytest.mark.rule("R92")
@pytest.mark.parametrize("listing", [("request",), ("establishment",), ("removal",), ("mail",)], ids="-".join)
def test_lists__are_written_in_the_format_of_the_suffix(
    run: Run, app: App, listing: tuple[str, ...], tmp_path: Path
) -> None:
    for suffix in ("csv", "xlsx", "ods"):
        file = tmp_path / f"liste.{suffix}"
        assert run(*AS, *listing, "list", "-o", str(file)).exit_code == 0
        with file.open("rb") as content:
            assert read_table(content).rows
        again = run(*AS, *listing, "list", "-o", str(file))
        assert (again.exit_code, "existe déjà" in again.output) == (1, True)
        assert run(*AS, *listing, "list", "-o", str(file), "--force").exit_code == 0
    wrong = run(*AS, *listing, "list", "-o", "liste.txt")
    assert (wrong.exit_code, "doit finir par .csv, .xlsx ou .ods" in wrong.output) == (2, True)
    assert run(*AS, *listing, "list", "-o", "a.ods", "--json").exit_code == 2


def test_request_list__the_file_holds_more_than_a_page(
    run: Run, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.exports.lists.READ_TOGETHER", 2)
    file = tmp_path / "demandes.xlsx"
    assert run(*AS, "request", "list", "--limit", "1", "-o", str(file)).exit_code == 0
    with file.open("rb") as content:
        assert len(read_table(content).rows) == 1 + sum(map(len, REFERENCES.values()))
