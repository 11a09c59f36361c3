"""Which words a mail leaves with when the académie's templates change while it waits (R56, R68)."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from states.vocabulary import State
from tests.kit import factories as make
from tests.kit.clock import FakeClock, replace_system_clock
from tests.kit.databases import fresh_url
from tests.kit.installation import make_installation
from tests.kit.smtp import Fault, ScriptedRelay
from tests.notifications.templates import mail
from tests.portal.cli.desk import Desk
from workflow.app import bootstrap
from workflow.settings.loader import find_settings, load_settings

OLD, NEW = "Nos mots d'avant.", "Nos mots d'après."


class Office:
    """An installation whose templates somebody changes, and its relay."""

    def __init__(self, desk: Desk, relay: ScriptedRelay, folder: Path) -> None:
        self.desk, self.relay, self.folder = desk, relay, folder

    def reword(self, words: str, name: str = "mails/declared.j2") -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(mail(words), encoding="utf-8")

    def tick(self, **later: float) -> None:
        self.desk.clock.advance(**later)
        done = self.desk.oda("tick")
        assert done.exit_code == 0, done.output

    def received(self) -> list[EmailMessage]:
        return [message_from_bytes(got.content, policy=policy.default) for got in self.relay.received]


@pytest.fixture
def office(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    clock = FakeClock(make.NOW)
    replace_system_clock(monkeypatch, clock)
    with ScriptedRelay() as relay, fresh_url(backend, tmp_path) as url:
        config = make_installation(tmp_path, url, clock)
        with config.open("a") as file:
            file.write(f"    port: {relay.port}\n    security: none\ntemplates:\n  directory: modeles\n")
        (tmp_path / "modeles").mkdir()
        app = bootstrap(load_settings(find_settings(str(config), {})), {}, clock=clock)
        try:
            yield Office(Desk(config, app, clock), relay, tmp_path / "modeles")
        finally:
            app.close()


def words(message: EmailMessage) -> str:
    """Both texts of a mail."""
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    assert [part.get_content_subtype() for part in parts] == ["plain", "html"]
    return " ".join(" ".join(part.get_content().split()) for part in parts)


@pytest.mark.rule("R56", "R68")
def test_words__of_a_mail_that_waits_are_those_in_force_when_it_leaves(office: Office) -> None:
    office.reword(OLD)
    office.desk.office.request(State.DECLARED)
    office.reword(NEW)
    office.tick()
    (message,) = office.received()
    assert words(message).count(NEW) >= 2, "in the text and in the HTML"
    assert OLD not in words(message)


@pytest.mark.rule("R56", "R68")
@pytest.mark.parametrize("answer", ["450 4.2.0 later", Fault.DROP], ids=["put off", "answer lost"])
def test_words__of_a_first_attempt_stay_when_the_templates_change(office: Office, answer: str | Fault) -> None:
    office.reword(OLD)
    office.desk.office.request(State.DECLARED)
    office.relay.on("END", answer)
    office.tick()
    before = list(office.relay.received)
    office.reword(NEW)
    office.tick(hours=1)
    last = office.received()[-1]
    assert words(last).count(OLD) >= 2
    assert NEW not in words(last)
    assert all(message.content == office.relay.received[-1].content for message in before), "the very same message"
    text = office.desk.oda("mail", "show", "1").stdout
    assert (OLD in text, NEW in text) == (True, False), "the operator reads what was sent"


@pytest.mark.rule("R68")
def test_words__that_are_wrong_hold_the_mail_back(office: Office) -> None:
    office.desk.office.request(State.DECLARED)
    office.reword("{{ rupn.surname }}")
    done = office.desk.oda("tick")
    assert (done.exit_code, office.relay.received) == (78, [])
    assert "mails/declared.j2, ligne 6" in done.stderr
    office.reword(NEW)
    office.tick()
    assert NEW in words(office.received()[0]), "it has lost nothing by waiting"
