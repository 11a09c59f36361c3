"""Under an absurd clock no page breaks, and whatever is asked is refused in the same words at each door (R52)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import SQLModel

from notifications.outbox.store import MAILS
from notifications.ports import SystemClock
from states.model import Actor
from states.school_calendar import SchoolYear
from states.vocabulary import Role, Scope
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.installation import make_installation
from tests.kit.portal import CHEF, STAFF, START, Portal
from tests.kit.sign_in import secrets_of
from tests.portal.api.conftest import Api, open_api
from tests.portal.api.test_life import DECLARATION
from tests.portal.cli.installation import Installation
from tests.portal.cli.test_access_token import CREATE
from tests.portal.web.test_access_of_every_address import Town, addresses
from tests.workflow.directory.files import file_of, rows
from workflow.auth.sessions import SessionUser
from workflow.database.clock import ClockRefused
from workflow.key_rotation import SealKeys
from workflow.settings.secrets import Keyring

ABSURD = [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2000, 6, 1, tzinfo=UTC), datetime(2106, 3, 1, tzinfo=UTC)]
WHOLE = "/etablissement/demande-complete"
TYPED = {"nom": "Durand", "prenom": "Zoé", "mail": "zoe.durand@ac-toulouse.fr", "made_on": "2026-09-10",
         "signed_on": "2026-09-11", "why_reason": "several_sites"}  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with fresh_url("sqlite", tmp_path) as url, open_api(tmp_path, url) as api:
        yield api


@pytest.mark.rule("R52", "R7")
@pytest.mark.parametrize("instant", ABSURD, ids=lambda instant: str(instant.year))
def test_doors__each_refuses_under_an_absurd_clock(
    api: Api, instant: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal, town = api.portal, Town(api.portal)
    portal.app.ticker.tick()
    portal.clock.set(instant)
    client = portal.client(CHEF)
    page = send(client, form_to(client.get(WHOLE), "/demande-complete"), **TYPED)
    assert page.status_code == 422
    assert "Le serveur n'est pas à l'heure" in page.text.replace("&#39;", "'").replace("’", "'")
    with monkeypatch.context() as patch:  # as if it had been made under that clock
        patch.setattr("workflow.journal.chain.require_right_clock", lambda *_: None)
        program = api.program(STAFF)
    answer = program.post("/requests", DECLARATION)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:oda:refus:clock_absurd")
    assert broken_pages(town) == []


@pytest.mark.rule("R52")
def test_pages__a_request_that_an_absurd_clock_left_breaks_none(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    portal, town = api.portal, Town(api.portal)
    now = portal.clock.now()
    with monkeypatch.context() as patch:  # as it was before absurd clocks were refused
        patch.setattr("workflow.engine.engine.refused_clock", lambda *_: None)
        portal.clock.set(ABSURD[0])
        town.references[1] = portal.declared(7)
    portal.app.engine._sound_until = ABSURD[0]
    portal.clock.set(now)
    assert town.references[1] == "ODA-1970-00001"
    portal.app.ticker.tick()
    assert broken_pages(town) == []


@dataclass(frozen=True)
class Desk:
    """What people do beside the requests: in the services, and on the pages."""

    portal: Portal
    dead: int
    """The number of a mail that died."""

    @property
    def services(self) -> dict[str, Callable[[Actor], object]]:
        app, context = self.portal.app, self.portal.context
        mailbox = SessionUser(role=Role.CHEF, subject="0310001H")
        cookie = self.portal.secret(mailbox)
        keys = SealKeys(app.database, app.hasher, app.clock, app.mailer.sealer, Keyring(app.secrets))
        return {
            "import": lambda actor: app.directory.import_file(
                BytesIO(file_of(*rows(3))), actor, accept_loss=True, file_is_complete=True
            ),
            "mailbox": lambda actor: app.directory.set_mailbox("0310001H", "x@ac-toulouse.fr", "demande", actor),
            "retry": lambda actor: app.mail_journal.retry(self.dead, actor),
            "discard": lambda actor: app.mail_journal.discard(self.dead, actor, "inutile"),
            "token": lambda actor: app.tokens.create(
                actor, Role.CHEF, ["0310001H"], scope=Scope.READ, label="essai", days=1
            ),
            "token-end": lambda actor: app.tokens.revoke(actor, 1),
            "year-end": lambda actor: app.year_ends.confirm(SchoolYear(2026), actor),
            "seal-key": keys.add,
            "seal-keys": keys.rotate,
            "presentation": lambda _: context.sign_in.identify(mailbox, cookie, "Claire Martin", Role.CHEF),
        }  # fmt: skip


@pytest.fixture
def desk(api: Api) -> Desk:
    portal = api.portal
    portal.declared()
    portal.app.tokens.create(portal.actor(STAFF), Role.CHEF, ["0310001H"], scope=Scope.READ, label="ancien", days=366)
    portal.app.ticker.tick()
    with portal.app.database.write() as connection:
        dead = connection.execute(select(MAILS.c.id).limit(1)).scalar_one()
        connection.execute(update(MAILS).where(MAILS.c.id == dead).values(stage="dead", fault="recipient_refused"))
    return Desk(portal, dead)


@pytest.mark.rule("R52")
@pytest.mark.parametrize("instant", ABSURD, ids=lambda instant: str(instant.year))
def test_services__what_is_no_command_is_refused_in_the_same_words(desk: Desk, instant: datetime) -> None:
    portal = desk.portal
    actor, services = portal.actor(STAFF), desk.services
    rows_before = stored(portal)
    portal.clock.set(instant)
    for name, act in services.items():
        with pytest.raises(ClockRefused) as refused:
            act(actor)
        (reason,) = refused.value.reasons
        assert (reason.code, reason.rule) == ("clock_absurd", "R52"), name
        assert stored(portal) == rows_before, name
    portal.clock.set(START)
    services["mailbox"](actor)


@pytest.mark.rule("R52", "R7", "R72")
@pytest.mark.parametrize("instant", ABSURD, ids=lambda instant: str(instant.year))
def test_pages__say_the_refusal_and_signing_in_stays_open(desk: Desk, instant: datetime) -> None:
    portal = desk.portal
    portal.clock.set(instant)
    mailbox, staff = portal.client(), portal.client()
    mailbox.post("/connexion", data={"uai": "0310001H"})
    mailbox.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")
    staff.post("/connexion/rectorat", data={"adresse": STAFF.subject})
    staff.post(f"/connexion/lien/{secrets_of(portal.app)[-1]}")
    assert staff.get("/rectorat").status_code == 200
    rows_before = stored(portal)
    where = "/rectorat/etablissements/0310001H/boite"
    mail, confirm = f"/rectorat/courriels/{desk.dead}", "/rectorat/fin-d-annee/2026-2027/confirmer"
    who = mailbox.get("/connexion/qui")
    button = form_to(staff.get(mail), "/renvoyer")
    answers = [
        send(mailbox, form_to(who, "/connexion/qui"), nom="Claire Martin"),
        send(staff, form_to(staff.get(where), where), address="x@ac-toulouse.fr", why="demande"),
        send(staff, form_to(staff.get(f"{mail}/ecarter"), "/ecarter"), why="inutile"),
        staff.post(confirm, data=button.fields | {"sure": "oui"}, headers={"Origin": portal.context.settings.address}),
        send(staff, button),
    ]
    for answer in answers:
        text = answer.text.replace("&#39;", "'").replace("’", "'")
        assert "Le serveur n'est pas à l'heure" in text, answer.url
        assert "NTP" in text
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 409]
    assert stored(portal) == rows_before


@pytest.mark.rule("R52", "R7")
@pytest.mark.parametrize("action", [CREATE, ("import", "establishments", "annuaire.csv")])
def test_command_line__says_the_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: tuple[str, ...]
) -> None:
    installation = Installation(make_installation(tmp_path, f"sqlite:///{tmp_path / 'oda.sqlite'}"))
    file = installation.write(file_of(*rows(3)))
    words = [str(file) if word == file.name else word for word in action]
    with monkeypatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _self: ABSURD[0])
        refused = installation.oda(*words)
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("Refusé, rien n'a changé.\n  — Le serveur n'est pas à l'heure")
    assert "(R52). Que faire : Remettre la machine à l'heure" in refused.stderr
    assert installation.oda(*words).exit_code == 0


def stored(portal: Portal) -> dict[str, list[str]]:
    """Every row but the numbers of people, and the sessions, whose last use a page marks."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name not in ("actor", "web_session")]
    with portal.app.database.read() as connection:
        return {table.name: sorted(map(str, connection.execute(select(table)))) for table in tables}


def broken_pages(town: Town) -> list[str]:
    """The pages that fail for a chef or an operator; the health says by 503 that somebody is needed (R115)."""
    readers = [town.portal.client(role) for role in (CHEF, STAFF)]
    paths = [town.filled(path) for method, path in addresses(town.portal.asgi) if method == "GET"]
    paths = [path for path in paths if path != "/sante"]
    return [path for path in paths for reader in readers if reader.get(path).status_code >= 500]
