"""Each problem has its line, its key, and all of them come at once."""

from pathlib import Path

import pytest

from tests.workflow.settings.files import LINES, MINIMAL, only_problem, refused, written
from workflow.settings.loader import load_settings
from workflow.settings.yaml_reader import SettingsError


def test_every_problem_at_once__in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        MINIMAL.replace("zone: C", "zone: D").replace("op@ac-toulouse.fr", "op@").replace("  signature: Clés ODA\n", "")
    )
    problems = refused(tmp_path, text + "checks: {max_age_days: 0}\nfour_eyes: oui\nfour_eyes: false\n")
    assert [(problem.line, problem.key) for problem in problems] == [
        (4, "academie.zone"),
        (8, "people.operators"),
        (9, "mail.signature"),
        (LINES, "checks.max_age_days"),
        (LINES + 1, "four_eyes"),
        (LINES + 2, "four_eyes"),
    ]


def test_rendering__file_line_key_message_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, MINIMAL.replace("zone: C", "zone: D"))
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("config.yaml"))
    assert str(caught.value) == (
        "config.yaml, ligne 4 : academie.zone : « D » n'est pas admis ; valeurs permises : A, B ou C"
    )


def test_rendering__many_problems_are_cut(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"et 10 autres problèmes$"):
        load_settings(written(tmp_path, MINIMAL + "".join(f"x{n}: 1\n" for n in range(60))))


def test_missing_section__told_without_a_line(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL[: MINIMAL.index("mail:")])
    assert (problem.line, problem.key, problem.message) == (None, "mail", "cette clé manque")


def test_key_left_empty__counts_as_missing_at_its_line(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("host: localhost", "host:"))
    assert (problem.line, problem.key, problem.message) == (LINES, "mail.relay.host", "cette clé manque")


def test_duplicate_key__both_lines(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("  zone: C\n", "  zone: C\n  zone: A\n"))
    assert (problem.line, problem.key) == (5, "academie.zone")
    assert problem.message == "cette clé est déjà à la ligne 4 : garder une seule des deux"


@pytest.mark.parametrize(
    ("extra", "key", "message"),
    [
        ("four_eye: true\n", "four_eye", "clé inconnue ; vouliez-vous dire « four_eyes » ?"),
        ("Timezone: Europe/Paris\n", "Timezone", "clé inconnue ; vouliez-vous dire « timezone » ?"),
        ("secret: {directory: x}\n", "secret", "clé inconnue ; vouliez-vous dire « secrets » ?"),
        ("keep_days: 3\n", "keep_days", "clé inconnue ici ; sa place est code.keep_days"),
        ("key: {zzz: 3}\n", "key.zzz", "clé inconnue ; les clés de cette section sont scope"),
        (
            "documentation: {links: [{titel: A, title: A, url: 'https://a.fr'}]}\n",
            "documentation.links.titel",
            "clé inconnue ; vouliez-vous dire « title » ?",
        ),
        ("<<: {zone: A}\n", "<<", "clé inconnue ; les clés de cette section sont academie, timezone,"),
    ],
)
def test_unknown_key__what_was_meant(tmp_path: Path, extra: str, key: str, message: str) -> None:
    problem = only_problem(tmp_path, extra)
    assert (problem.line, problem.key) == (LINES + 1, key)
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "line", "key", "where"),
    [
        (MINIMAL + "    password: hunter2\n", LINES + 1, "mail.relay.password", "secrets/smtp-password (chmod 600)"),
        (MINIMAL + "    mot_de_passe: hunter2\n", LINES + 1, "mail.relay.mot_de_passe", "ODA_SMTP_PASSWORD"),
        (MINIMAL + "database:\n  pwd: hunter2\n", LINES + 2, "database.pwd", "ODA_DATABASE_PASSWORD"),
        (MINIMAL + "cle: hunter2\n", LINES + 1, "cle", "secrets.directory"),
        (MINIMAL + "code: {seal_key: hunter2}\n", LINES + 1, "code.seal_key", "secrets.directory"),
        (MINIMAL + "drane: {token: hunter2}\n", LINES + 1, "drane.token", "secrets.directory"),
    ],
)
def test_secret_in_the_file__where_to_put_it(tmp_path: Path, text: str, line: int, key: str, where: str) -> None:
    (problem,) = refused(tmp_path, text)
    assert (problem.line, problem.key) == (line, key)
    assert problem.message.startswith("un secret n'a pas sa place dans ce fichier")
    assert where in problem.message
    assert "hunter2" not in str(problem)
