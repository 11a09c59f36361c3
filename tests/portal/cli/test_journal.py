"""``oda journal verify``: each flaw by name, and the blind spots always (R65)."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from portal.cli.main import oda
from tests.kit import year_end_scene as year_end_scene
from tests.kit.clock import FakeClock
from tests.kit.installation import OPERATOR
from workflow.app import bootstrap
from workflow.database.connection import Database
from workflow.journal.verification import BLIND_SPOTS
from workflow.settings.loader import load_settings

pytestmark = pytest.mark.rule("R63", "R65")


def verify(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), "journal", "verify", *args])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    year_end_scene.filled_folder(tmp_path, FakeClock(year_end_scene.AUTUMN)).close()
    return tmp_path


def tamper(folder: Path, *statements: str) -> None:
    database = Database(f"sqlite:///{folder / 'oda.sqlite'}")
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
    database.dispose()


def test_verify__sound(folder: Path) -> None:
    done = verify(folder)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("36 événements en 6 chaînes : tout tient.\n")
    for blind in BLIND_SPOTS:
        assert blind in done.stdout


def test_verify__names_each_flaw(folder: Path) -> None:
    tamper(
        folder, "DROP TRIGGER guard_event_update", "DROP TRIGGER guard_event_delete",
        "UPDATE event SET actor = (SELECT min(number) FROM actor WHERE number <> event.actor)"
        " WHERE stream = 'ODA-2027-00002' AND seq = 3",
        "DELETE FROM event WHERE stream = 'ODA-2027-00003' AND seq = 2",
    )  # fmt: skip
    done = verify(folder)
    assert done.exit_code == 1
    assert "3 défauts" in done.stderr
    assert "  — ODA-2027-00002, événement 3 : modifié : sa colonne « actor »" in done.stdout
    assert "  — ODA-2027-00003, événement 2 : retiré\n" in done.stdout
    assert "  — ODA-2027-00003, événement 2 : la note « why » n'a plus d'événement\n" in done.stdout
    for blind in BLIND_SPOTS:
        assert blind in done.stdout
    report = json.loads(verify(folder, "--json").stdout)
    assert [(flaw["stream"], flaw["seq"]) for flaw in report["flaws"]] == [
        ("ODA-2027-00002", 3), ("ODA-2027-00003", 2), ("ODA-2027-00003", 2),
    ]  # fmt: skip
    assert report["blind_spots"] == list(BLIND_SPOTS)


def test_verify__json_of_a_sound_one(folder: Path) -> None:
    done = verify(folder, "--json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["events"], report["chains"], report["flaws"]) == (0, 36, 6, [])


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(oda, ["--config", str(folder / "config.yaml"), *args])


def seal(folder: Path) -> Path:
    """Two days' seals, and the folder that received them."""
    sent = folder / "sceaux"
    sent.mkdir()
    config = folder / "config.yaml"
    config.write_text(config.read_text("utf-8") + "seal: {folder: sceaux}\n", "utf-8")
    clock = FakeClock(year_end_scene.AUTUMN)
    app = bootstrap(load_settings(config), {}, clock=clock)
    for _ in range(2):
        clock.advance(days=1)
        app.journal_sealer.seal_day()
    app.journal_sealer.write_files()
    app.close()
    return sent


@pytest.mark.rule("R109")
def test_seals__say_what_the_chains_cannot(folder: Path, tmp_path: Path) -> None:
    sent = seal(folder)
    done = verify(folder, "--seal", str(sent))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 sceaux dans la base, 2 sceaux donnés : tout tient." in done.stdout
    assert "une fin de chaîne retirée" not in done.stdout
    tamper(
        folder, "DROP TRIGGER guard_event_delete", "DROP TRIGGER guard_request_state", "DROP TRIGGER guard_note_update",
        "DELETE FROM event_note WHERE stream = 'ODA-2027-00002' AND seq > 1",
        "DELETE FROM event WHERE stream = 'ODA-2027-00002' AND seq > 1",
        "UPDATE delegation_request SET (state, version, chain_length, chain_head, last_trigger, changed_at) ="
        " (SELECT to_state, 1, 1, hash, kind, at FROM event WHERE stream = 'ODA-2027-00002')"
        " WHERE reference = 'ODA-2027-00002'",
    )  # fmt: skip
    assert verify(folder).exit_code == 0
    for sources in ((), (str(sent),), (str(next(iter(sorted(sent.iterdir())))),)):
        done = verify(folder, "--seal", *sources)
        assert done.exit_code == 1
        assert "ODA-2027-00002, événement" in done.stdout
        assert "retiré, ainsi que tout ce qui le suivait : scellé le" in done.stdout
    report = json.loads(verify(folder, "--seal", "--json").stdout)
    assert (report["seals"]["stored"], len(report["flaws"])) == (2, 1)


@pytest.mark.rule("R109")
def test_seals__files_that_hold_none_are_refused(folder: Path) -> None:
    sent = seal(folder)
    other = folder / "autre.txt"
    other.write_text("Bonjour,")
    done = verify(folder, "--seal", str(other))
    assert (done.exit_code, "ne contient aucun sceau" in done.stderr) == (65, True)
    assert verify(folder, str(sent)).exit_code == 2
    assert verify(folder, "--seal", "--key", "00" * 32).exit_code == 1


@pytest.mark.rule("R109")
def test_seals__read_from_a_mail_as_it_was_saved(folder: Path) -> None:
    sent = seal(folder)
    text = sorted(sent.iterdir())[0].read_text().partition("\n\n")[0]
    message = EmailMessage()
    message["From"], message["Subject"] = "oda@ac-toulouse.fr", "Sceau n° 1"
    message.set_content(
        "Voici le sceau :\n\n" + "".join(f"    {line}\n" for line in text.splitlines()), cte="quoted-printable"
    )
    (folder / "sceau.eml").write_bytes(message.as_bytes())
    (folder / "cité.txt").write_text("".join(f"> {line}\n" for line in text.splitlines()), "utf-8")
    done = verify(folder, "--seal", str(folder / "sceau.eml"), str(folder / "cité.txt"))
    assert (done.exit_code, "1 sceau donné" in done.stdout) == (0, True)


@pytest.mark.rule("R108", "R109")
def test_export__for_operators_never_over_a_file_and_in_the_journal(folder: Path) -> None:
    seal(folder)
    file = folder / "journal.jsonl"
    operator = ("--as", f"operator:{OPERATOR}")
    assert run(folder, "--as", "lecteur:drane@ac-toulouse.fr", "journal", "export", str(file)).exit_code != 0
    assert not file.exists()
    done = run(folder, *operator, "journal", "export", str(file))
    assert (done.exit_code, "est écrit" in done.stdout) == (0, True)
    kinds = [json.loads(line)["type"] for line in file.read_text("utf-8").splitlines()]
    assert (kinds[0], kinds.count("seal"), kinds[-1]) == ("export", 2, "event")
    assert run(folder, *operator, "journal", "export", str(file)).exit_code == 1
    assert run(folder, *operator, "journal", "export", str(file), "--force").exit_code == 0
    listed = run(folder, *operator, "journal", "list", "--about", "export", "--json")
    assert [event["data"]["list"] for event in json.loads(listed.stdout)] == ["journal", "journal"]


@pytest.mark.rule("R109")
def test_signing_key__shown_replaced_and_given_up(folder: Path) -> None:
    seal(folder)
    operator = ("--as", f"operator:{OPERATOR}")
    key_line = run(folder, "secrets", "signing-key").stdout
    assert "en service, depuis le" in key_line
    old = key_line.split()[0]
    done = run(folder, *operator, "secrets", "new-signing-key")
    assert done.exit_code == 0
    lines = run(folder, "secrets", "signing-key").stdout.splitlines()
    assert [line.split()[0] == old for line in lines] == [True, False]
    assert "remplacée" in lines[0]
    assert verify(folder, "--seal").exit_code == 0
    secret = folder / "secrets" / "seal-signing-key"
    assert lines[1].split()[0] not in secret.read_text()  # the private part alone is there
    secret.unlink()
    for args in (("secrets", "new-signing-key"), ("secrets", "signing-key")):
        refused = run(folder, *operator, *args)
        assert (refused.exit_code, "--lost" in refused.stderr) == (78, True)
    assert CliRunner().invoke(oda, ["init", str(folder)]).exit_code == 78
    done = run(folder, *operator, "secrets", "new-signing-key", "--lost")
    assert (done.exit_code, "n'a pas été annoncée" in done.stdout) == (0, True)
