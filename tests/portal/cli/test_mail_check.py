"""``oda mail check``, and what ``oda mail list`` says of a pause and of the server's words (R70)."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from notifications.outbox.queue import begin_pause, load_pause
from notifications.outbox.store import MAILS
from notifications.vocabulary import RelayFault, Stage
from states.vocabulary import State
from tests.kit import certificates
from tests.kit import factories as make
from tests.kit.installation import OPERATOR
from tests.kit.smtp import ScriptedRelay
from tests.portal.cli.desk import AS_CHEF, AS_READER, Desk, open_desk
from workflow.database.schedule_tables import RESTORATION

WORDS = "553 5.7.1 Sender address rejected"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with open_desk(tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def relay(desk: Desk) -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as relay:
        aim(desk, relay)
        yield relay


def aim(desk: Desk, relay: ScriptedRelay, *extra: str, security: str = "none") -> None:
    """Change the settings: this relay."""
    text = desk.config.read_text(encoding="utf-8").partition("    host:")[0]
    lines = ("host: 127.0.0.1", f"port: {relay.port}", f"security: {security}", "timeout_seconds: 2", *extra)
    desk.config.write_text(text + "".join(f"    {line}\n" for line in lines), encoding="utf-8")


def pause(desk: Desk, fault: RelayFault = RelayFault.SENDER_REFUSED, words: str = WORDS) -> None:
    with desk.app.database.write() as connection:
        begin_pause(connection, fault, words, desk.clock.now())


def is_paused(desk: Desk) -> bool:
    with desk.app.database.read() as connection:
        return load_pause(connection) is not None


@pytest.mark.rule("R70")
def test_check__tells_each_step_and_sends_a_mail_to_who_asks(desk: Desk, relay: ScriptedRelay) -> None:
    done = desk.oda("mail", "check")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.partition(" :")[0].strip() for line in lines] == [
        "Connexion", "! Chiffrement", "Identification", "Expéditeur", "Courriel d'essai",
        "Le relais prend les courriels.",
    ]  # fmt: skip
    (got,) = relay.received
    message = message_from_bytes(got.content, policy=policy.default)
    assert got.recipients == (OPERATOR,)
    assert (message["To"], message["Subject"]) == (OPERATOR, "[ODA] Essai du relais de messagerie")
    for name in ("From", "Date", "Message-ID", "Auto-Submitted", "List-Id", "Content-Language"):
        assert message[name], name
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part
        text = part.get_content()
        assert "élève, où, ça, cœur" in text
        assert OPERATOR in text
    assert "Connexion     : en clair" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_check__is_no_mail_of_the_outbox(desk: Desk, relay: ScriptedRelay) -> None:
    before = desk.oda("mail", "list", "--json").stdout
    assert desk.oda("mail", "check", "--to", "autre@ac-toulouse.fr").exit_code == 0
    assert desk.oda("mail", "list", "--json").stdout == before
    assert relay.received[0].recipients == ("autre@ac-toulouse.fr",)


def test_check__without_a_mail(desk: Desk, relay: ScriptedRelay) -> None:
    done = desk.oda("mail", "check", "--no-mail")
    assert (done.exit_code, relay.received) == (0, [])
    assert done.stdout.splitlines()[-1] == "Le relais répond bien ; aucun courriel envoyé."


@pytest.mark.rule("R70")
@pytest.mark.parametrize("options", [[], ["--no-mail"]])
def test_check__mails_held_back_leave_again(desk: Desk, relay: ScriptedRelay, options: list[str]) -> None:
    assert relay.port
    pause(desk)
    done = desk.oda("mail", "check", *options)
    assert "Les courriels étaient retenus : ils repartent dès maintenant." in done.stdout
    assert (done.exit_code, is_paused(desk)) == (0, False)
    assert "retenus" not in desk.oda("mail", "check", *options).stdout


@pytest.mark.rule("R70")
def test_check__a_failure_tells_what_to_do_and_lifts_nothing(desk: Desk, relay: ScriptedRelay) -> None:
    pause(desk)
    relay.on("MAIL", WORDS, times=None)
    done = desk.oda("mail", "check")
    assert (done.exit_code, is_paused(desk), relay.received) == (69, True, [])
    first, words, remedy = done.stderr.splitlines()
    assert first == "Le relais ne prend pas les courriels ; l'essai s'arrête à l'étape « expéditeur »."
    assert words.strip(" —") == WORDS
    assert remedy.strip(" —").startswith("Que faire : mettre dans mail.sender")


def test_check__a_wrong_address_is_not_the_relays_trouble(desk: Desk, relay: ScriptedRelay) -> None:
    pause(desk)
    relay.on("RCPT", "550 5.1.1 User unknown", times=None)
    done = desk.oda("mail", "check", "--to", "personne@ac-toulouse.fr")
    assert (done.exit_code, is_paused(desk)) == (69, False)
    assert "--to" in done.stderr


def test_check__down(desk: Desk, relay: ScriptedRelay) -> None:
    relay.stop_listening()
    done = desk.oda("mail", "check")
    assert (done.exit_code, done.stdout) == (69, "")
    assert "l'étape « connexion »" in done.stderr


def test_check__starttls(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificates.certificate(tmp_path)
    with ScriptedRelay(starttls=certificate.server()) as relay:
        aim(desk, relay, security="starttls")
        unknown = desk.oda("mail", "check")
        assert (unknown.exit_code, "n'est pas admis" in unknown.stderr) == (69, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.pem))
        done = desk.oda("mail", "check")
    assert done.exit_code == 0, done.stderr
    assert "connexion chiffrée par STARTTLS, TLS 1.3" in done.stdout
    assert b"chiffr=C3=A9e par STARTTLS" in relay.received[0].content


def test_check__the_password_is_the_secret_and_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_SMTP_PASSWORD", "M0t-de-passe-secret")
    with ScriptedRelay(login=("oda", "M0t-de-passe-secret")) as relay:
        aim(desk, relay, "username: oda")
        good = desk.oda("mail", "check")
        relay.on("AUTH", "535 5.7.8 M0t-de-passe-secret is wrong", times=None)
        bad = desk.oda("mail", "check")
    assert (good.exit_code, "compte oda accepté" in good.stdout) == (0, True)
    assert (bad.exit_code, "535 5.7.8 … is wrong" in bad.stderr) == (69, True)
    assert "M0t-de-passe" not in "".join(desk.outputs)


@pytest.mark.rule("R2")
def test_check__operators_only(desk: Desk, relay: ScriptedRelay) -> None:
    for who in (AS_READER, AS_CHEF):
        done = desk.oda("mail", "check", who=who)
        assert (done.exit_code, "(R2)" in done.stderr) == (1, True)
    assert relay.connections == 0


def test_check__bad_options(desk: Desk, relay: ScriptedRelay) -> None:
    for args in (["--to", "personne"], ["--to", "a@b.fr", "--no-mail"], ["--to", ""]):
        assert desk.oda("mail", "check", *args).exit_code == 2
    assert relay.connections == 0


@pytest.mark.rule("R70")
def test_list__says_first_that_the_relay_takes_nothing(desk: Desk) -> None:
    assert desk.oda("mail", "list").stderr == ""
    pause(desk)
    lines = desk.oda("mail", "list", "--json").stderr.splitlines()
    assert lines[0].startswith("Le relais ne prend plus les courriels depuis le ")
    assert lines[0].endswith(f" : le relais refuse l'expéditeur (« {WORDS} »).")
    assert lines[1].startswith("Prochain essai le ")
    assert "oda mail check" in lines[2]
    desk.clock.advance(hours=1)
    assert desk.oda("mail", "list").stderr.splitlines()[1] == "Prochain essai au prochain envoi."


def test_list__shows_the_servers_words_when_any(desk: Desk) -> None:
    desk.office.request(State.DECLARED)
    assert "Réponse du serveur" not in desk.oda("mail", "list").stdout
    words = f"550 5.1.1 <{make.MAILBOX}>: Recipient address rejected: User unknown in virtual mailbox table"
    with desk.app.database.write() as connection:
        connection.execute(update(MAILS).values(last_reply=words, stage=Stage.DEAD.value, next_attempt_at=None))
    output = desk.oda("mail", "list").stdout
    assert "Réponse du serveur" in output
    assert f"{words[:59]}…" in output
    assert words not in output
    assert words in desk.oda("mail", "list", "--json").stdout


@pytest.mark.rule("R116")
def test_check__on_a_restored_base_says_that_the_trial_alone_leaves(desk: Desk, relay: ScriptedRelay) -> None:
    pause(desk)
    now = desk.clock.now()
    with desk.app.database.write() as connection:
        connection.execute(insert(RESTORATION), [{"id": 1, "backup_at": now, "restored_at": now}])
    done = desk.oda("mail", "check")
    assert done.exit_code == 0
    assert "le courriel d'essai part seul, les autres attendent « oda restore release »" in done.stderr
    assert "repartent" not in done.stdout
    assert len(relay.received) == 1
    silent = desk.oda("mail", "check", "--no-mail")
    assert "les courriels attendent" in silent.stderr
    assert len(relay.received) == 1
