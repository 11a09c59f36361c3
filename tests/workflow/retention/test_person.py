"""One person: what is kept of them is told, and goes at their request (R111)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from states import commands as c
from states.vocabulary import Channel, RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.portal import DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.workflow.retention import scene
from workflow.auth.actors import NotAllowed, remember_chef
from workflow.database.access_tables import SUBSTITUTION
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.tables import ESTABLISHMENT, PRIVATE_NOTE
from workflow.journal.chain import schedule_actor
from workflow.retention.person import known_addresses


@pytest.fixture
def portal(tmp_path: Path, database_url: str) -> Iterator[Portal]:
    with open_portal(tmp_path, database_url) as opened:
        yield opened


def notes_left(portal: Portal, reference: str) -> list[str]:
    """The texts beside the events of a request."""
    with portal.app.database.read() as connection:
        return list(connection.execute(select(NOTE.c.body).where(NOTE.c.stream == reference)).scalars())


@pytest.mark.rule("R111")
def test_access__tells_everything_and_is_an_event(portal: Portal) -> None:
    reference = scene.live(portal)
    report = portal.app.retention.access(scene.MAIL.upper(), portal.actor(STAFF))
    (request,) = report.requests
    assert request.title == f"Demande {reference}"
    assert {scene.NOM, scene.PRENOM, scene.MAIL, scene.CHEF_NAME} <= {value for _, value in request.facts}
    assert any("Qui est Quirinus Zyxalandre ?" in text for text in request.texts)
    assert any("Rappeler Quirinus" in text for text in request.texts)
    assert len(report.list_rows) == 1
    assert any(scene.NOM in text for mail in report.mails for text in mail.texts)
    with portal.app.database.read() as connection:
        canonical = connection.execute(select(EVENT.c.canonical).where(EVENT.c.kind == "person_told")).scalar_one()
    assert scene.found_in(canonical) == []
    assert '"requests":1' in canonical
    assert portal.app.retention.access("personne@ac-toulouse.fr", portal.actor(STAFF)).is_empty


@pytest.mark.rule("R111")
def test_erase__refused_while_a_request_lives_and_for_who_works_here(portal: Portal) -> None:
    reference = scene.live(portal)
    texts = notes_left(portal, reference)
    with pytest.raises(NotAllowed) as refused:
        portal.app.retention.erase(scene.MAIL, portal.actor(STAFF))
    assert [reason.code for reason in refused.value.reasons] == ["person_live"]
    assert notes_left(portal, reference) == texts
    with pytest.raises(NotAllowed) as refused:
        portal.app.retention.erase(STAFF.subject, portal.actor(STAFF))
    assert [reason.code for reason in refused.value.reasons] == ["person_in_settings"]
    assert not portal.app.retention.ledger.read()


@pytest.mark.rule("R111", "R110")
def test_erase__takes_what_may_go_leaves_what_is_awaited_and_is_done_whole_later(portal: Portal) -> None:
    gone = scene.live(portal)
    scene.end(portal, gone)
    awaited = scene.live(portal)
    scene.end(portal, awaited, removed=False)
    scene.send_mails(portal)
    plan = portal.app.retention.plan(scene.MAIL)
    assert (plan.requests, plan.awaited, plan.is_refused) == ((gone,), (awaited,), False)
    counts = portal.app.retention.erase(scene.MAIL, portal.actor(STAFF))
    assert counts == plan.counts
    assert counts.requests == 1
    assert notes_left(portal, gone) == []
    assert notes_left(portal, awaited)
    assert scene.flaws(portal) == []
    scene.confirm(portal, awaited)
    portal.clock.advance(days=1)
    portal.app.retention.erase_due(schedule_actor(portal.app.database))
    assert notes_left(portal, awaited) == []
    with portal.app.database.read() as connection:
        assert scene.MAIL not in known_addresses(connection)
    assert oct(portal.app.retention.ledger.path.stat().st_mode & 0o777) == "0o600"
    assert scene.found_in(portal.app.retention.ledger.path.read_text()) == []


@pytest.mark.rule("R111", "R113")
def test_erase__forgets_the_person_among_the_actors_with_their_last_request(portal: Portal) -> None:
    reference = scene.live(portal)
    rupn = portal.app.people.rupn(scene.MAIL, Channel.WEB)
    scene.end(portal, reference)
    assert portal.app.retention.plan(scene.MAIL).counts.actors == 1
    portal.app.retention.erase(scene.MAIL, portal.actor(STAFF))
    with portal.app.database.read() as connection:
        key = connection.execute(select(ACTOR.c.key).where(ACTOR.c.number == rupn.number)).scalar_one()
    assert key == f"erased:{rupn.number}"
    assert scene.flaws(portal) == []


@pytest.mark.rule("R110", "R111")
def test_restored_from_an_older_backup__the_erasure_is_done_again(tmp_path: Path) -> None:
    """The backup knows nothing of the decision: the file beside the secrets does."""
    with fresh_url("sqlite", tmp_path) as url:
        path, backup = Path(url.removeprefix("sqlite:///")), tmp_path / "before.sqlite"
        with open_portal(tmp_path, url) as portal:
            reference = scene.live(portal)
            scene.end(portal, reference)
            portal.app.database.dispose()
            shutil.copyfile(path, backup)
            portal.app.retention.erase(scene.MAIL, portal.actor(STAFF))
            portal.app.database.dispose()
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            shutil.copyfile(backup, path)
            assert notes_left(portal, reference)
            portal.app.ticker.tick()
            assert notes_left(portal, reference) == []
            with portal.app.database.read() as connection:
                assert scene.MAIL not in known_addresses(connection)
            assert scene.flaws(portal) == []


LEFT = "partie@ac-toulouse.fr"


def substituted(portal: Portal, *, role: str = "operator", ended: bool = True, **sides: str) -> int:
    """A substitution that nothing else knows of: ``sides`` are its persons."""
    names = dict.fromkeys(("giver", "giver_name", "substitute", "substitute_name"), "") | sides
    now = portal.clock.now()
    row = {**names, "role": role, "first_day": now.date(), "last_day": now.date(), "given_at": now}
    row |= {"ended_at": now, "ended_by": "expired"} if ended else {}
    with portal.app.database.write() as connection:
        return int(connection.execute(insert(SUBSTITUTION).values(row).returning(SUBSTITUTION.c.number)).scalar_one())


@pytest.mark.rule("R111", "R114")
def test_erase__takes_the_address_out_of_substitutions_that_ended_and_waits_for_the_others(portal: Portal) -> None:
    ended = substituted(portal, giver=LEFT, substitute=DRANE.subject)
    running = substituted(portal, giver=LEFT, substitute=DRANE.subject, ended=False)
    plan = portal.app.retention.plan(LEFT.upper())
    assert (plan.counts.substitutions, plan.substitutions, plan.is_refused) == (1, (running,), True)
    with pytest.raises(NotAllowed) as refused:
        portal.app.retention.erase(LEFT, portal.actor(STAFF))
    assert [reason.code for reason in refused.value.reasons] == ["person_substitution"]
    portal.app.substitutions.expire()  # who is in the settings no more has lost the role
    assert portal.app.retention.erase(LEFT, portal.actor(STAFF)).substitutions == 2
    with portal.app.database.read() as connection:
        row = connection.execute(select(SUBSTITUTION).where(SUBSTITUTION.c.number == ended)).one()
        assert LEFT not in known_addresses(connection)
    assert (row.giver, row.substitute) == ("(effacé)", DRANE.subject), "the other person's side stays"
    assert scene.flaws(portal) == []


@pytest.mark.rule("R111")
def test_erase__the_texts_of_other_requests_that_were_chosen_and_no_others(portal: Portal) -> None:
    mine = scene.live(portal)
    scene.end(portal, mine)
    others = [portal.submitted(number) for number in (1, 2)]
    for reference in others:
        portal.app.private_notes.write(reference, portal.actor(STAFF), f"Voir {scene.NOM} {scene.PRENOM}")
        portal.app.private_notes.write(reference, portal.actor(STAFF), "Rien de personne")
        portal.do(c.Revoke(reference=reference, reason=RevokeReason.OTHER, note=f"comme {scene.MAIL}"), STAFF)
    assert portal.app.retention.plan(scene.MAIL).mentions == tuple(others)
    chosen, other = others
    counts = portal.app.retention.erase(scene.MAIL, portal.actor(STAFF), [chosen, mine, "0310001H-2026-9999"])
    assert scene.found_in("".join(notes_left(portal, chosen))) == []
    assert scene.found_in("".join(notes_left(portal, other))) == ["zyxalandre", "quirinus"]
    with portal.app.database.read() as connection:
        of_chosen = select(PRIVATE_NOTE.c.body).where(PRIVATE_NOTE.c.reference == chosen)
        assert connection.execute(of_chosen).scalars().all() == ["Rien de personne"]
        erased = select(EVENT.c.canonical).where(EVENT.c.kind == "person_erased").order_by(EVENT.c.seq)
        events = connection.execute(erased).scalars().all()
    assert '"data":{"notes":1,"texts":1}' in events[0]
    assert counts.requests == 1
    assert scene.flaws(portal) == []


@pytest.mark.rule("R111", "R37")
def test_chef_known_by_name_alone__told_and_erased_but_what_must_stay(portal: Portal) -> None:
    with portal.app.database.write() as connection:
        remember_chef(connection, ["0310001H", "0310002J"], "Ottilie Wrzesniak", is_new=True)
        remember_chef(connection, OTHER_CHEF.uais, OTHER_CHEF.name, is_new=True)
    ended = substituted(
        portal, role="chef", giver="0310002J", giver_name="WRZESNIAK Ottilie", substitute=OTHER_CHEF.subject,
        substitute_name=OTHER_CHEF.name,
    )  # fmt: skip
    reference = scene.live(portal)
    report = portal.app.retention.access_chef("M. wrzésniak  ottilie", portal.actor(STAFF))
    assert any("Demande " + reference in place.what and "en cours" in place.stays for place in report.places)
    assert portal.app.retention.plan_chef("Ottilie Wrzesniak", "0310002J").counts.chefs == 1
    assert portal.app.retention.plan_chef("Ottilie Autre").is_unknown
    counts = portal.app.retention.erase_chef("Ottilie Wrzesniak", portal.actor(STAFF))
    assert (counts.chefs, counts.substitutions) == (1, 1)
    with portal.app.database.read() as connection:
        names = {row.uai: row.chef_name for row in connection.execute(select(ESTABLISHMENT))}
        row = connection.execute(select(SUBSTITUTION).where(SUBSTITUTION.c.number == ended)).one()
    assert (names["0310001H"], names["0310002J"]) == ("Ottilie Wrzesniak", ""), "the first has a live request"
    assert (row.giver_name, row.substitute_name) == ("(effacé)", OTHER_CHEF.name)
    assert names[OTHER_CHEF.subject] == OTHER_CHEF.name
    with portal.app.database.write() as connection:  # as a restored backup would bring it back
        remember_chef(connection, ["0310002J"], "Ottilie Wrzesniak", is_new=True)
    assert portal.app.retention.erase_again(schedule_actor(portal.app.database)).chefs == 1
    assert scene.flaws(portal) == []
