"""The mail settings, which the notifications room owns."""

from pathlib import Path

import pytest

from notifications.settings import MailSettings
from tests.workflow.settings.files import LINES, MINIMAL, loaded, refused


def mail_with(folder: Path, extra: str) -> MailSettings:
    return loaded(folder, extra).mail


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("ODA <oda@ac-toulouse.fr>", "ODA", "oda@ac-toulouse.fr"),
        ("'\"Clés ODA, DSI\" <oda@ac-toulouse.fr>'", "Clés ODA, DSI", "oda@ac-toulouse.fr"),
        ("'DSI, dite \"ODA\" <oda@ac-toulouse.fr>'", 'DSI, dite "ODA"', "oda@ac-toulouse.fr"),
        ("oda@ac-toulouse.fr", "", "oda@ac-toulouse.fr"),
        ("<oda@ac-toulouse.fr>", "", "oda@ac-toulouse.fr"),
    ],
)
def test_sender__name_and_address(tmp_path: Path, sender: str, name: str, address: str) -> None:
    mail = loaded(tmp_path, replace=("ODA <oda@ac-toulouse.fr>", sender)).mail
    assert (mail.sender_name, mail.sender_address) == (name, address)


@pytest.mark.parametrize(
    "sender", ["ODA", "ODA <>", "ODA <oda@>", '"ODA\\nBcc: x@y.fr <oda@a.fr>"', "a@b.fr, c@d.fr", "''"]
)
def test_sender__refused(tmp_path: Path, sender: str) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("ODA <oda@ac-toulouse.fr>", sender))
    assert (problem.line, problem.key) == (10, "mail.sender")


def test_message_id_domain__the_senders_unless_given(tmp_path: Path) -> None:
    assert mail_with(tmp_path, "").id_domain == "ac-toulouse.fr"
    assert mail_with(tmp_path, "  message_id_domain: oda.ac-toulouse.fr\n").id_domain == "oda.ac-toulouse.fr"


@pytest.mark.parametrize("host", ["https://smtp.fr", "smtp.fr:25", "'smtp fr'", "'-'", "''", "smtp.fr."])
def test_relay_host__a_bare_name(tmp_path: Path, host: str) -> None:
    (problem,) = refused(tmp_path, MINIMAL.replace("host: localhost", f"host: {host}"))
    assert (problem.line, problem.key) == (LINES, "mail.relay.host")
    assert problem.allowed == "un nom ou une adresse IP, sans https:// ni port"


@pytest.mark.parametrize("host", ["127.0.0.1", "'::1'", "smtp.ac-toulouse.fr", "smtp_relais"])
def test_relay_host__accepted(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, replace=("host: localhost", f"host: {host}")).mail.relay.host == host.strip("'")


def test_lease__outlives_the_timeout(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL + "    timeout_seconds: 60\n  lease_seconds: 120\n")
    assert (problem.line, problem.key, problem.allowed) == (LINES + 2, "mail.lease_seconds", "plus de 120")
    assert loaded(tmp_path, "    timeout_seconds: 60\n  lease_seconds: 121\n").mail.lease_seconds == 121


def test_lease__default_too_is_compared(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, MINIMAL + "    timeout_seconds: 200\n")
    assert (problem.line, problem.key) == (9, "mail.lease_seconds")


def test_retries__a_list_of_seconds(tmp_path: Path) -> None:
    assert mail_with(tmp_path, "  retry_after_seconds: [1, 20]\n").retry_after_seconds == (1, 20)
    problems = refused(tmp_path, MINIMAL + "  retry_after_seconds: [0, 20, demain]\n")
    assert [problem.message for problem in problems] == ["0 est trop petit", "« demain » n'est pas un nombre entier"]
    (problem,) = refused(tmp_path, MINIMAL + "  retry_after_seconds: []\n")
    assert problem.message == "cette liste est vide"
