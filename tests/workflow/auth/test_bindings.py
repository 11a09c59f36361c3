"""Identities bound to establishments, on each database (R103)."""

from io import BytesIO
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, SCHOOLS, STAFF, Portal
from tests.kit.sign_in import installation_events
from tests.workflow.directory.files import file_of, row
from workflow.auth.actors import NotAllowed
from workflow.auth.bindings import IdentityToBind, identity_digest
from workflow.auth.sessions import SessionUser

pytestmark = pytest.mark.rule("R103")

COLLEGE, LYCEE, ELSEWHERE = "0310001H", "0310002J", "0120001X"


def bind(portal: Portal, who: str, *uais: str) -> IdentityToBind:
    digest = identity_digest(portal.app.hasher, "https://fournisseur.test", who)
    identity = IdentityToBind(digest=digest, provider="ProConnect", name=f"{who.capitalize()} Martin")
    portal.app.bindings.bind(identity, uais, portal.actor(STAFF))
    return identity


def mails(portal: Portal) -> list[str]:
    query = select(MAILS.c.recipient).where(MAILS.c.kind == Kind.IDENTITY_BOUND.value).order_by(MAILS.c.id)
    with portal.app.database.read() as connection:
        return list(connection.execute(query).scalars())


def names(portal: Portal) -> list[tuple[str, str]]:
    return [(binding.name, binding.place.uai) for binding in reversed(portal.app.bindings.list_latest(50))]


def test_bind__establishments_of_one_mailbox_are_told_once_and_a_second_time_is_none(portal: Portal) -> None:
    portal.app.directory.set_mailbox(LYCEE, "CE.0310001h@ac-toulouse.fr", "cité scolaire", portal.actor(STAFF))
    bind(portal, "claire", COLLEGE, LYCEE)
    bind(portal, "claire", COLLEGE, ELSEWHERE)
    assert names(portal) == [("Claire Martin", COLLEGE), ("Claire Martin", LYCEE), ("Claire Martin", ELSEWHERE)]
    assert [address.casefold() for address in mails(portal)] == [SCHOOLS[COLLEGE][4], SCHOOLS[ELSEWHERE][4]]
    assert [data["uai"] for _, data in installation_events(portal.app, "identity_bound")] == [COLLEGE, LYCEE, ELSEWHERE]


@pytest.mark.rule("R9")
def test_bind__twice_at_once_is_one_binding(portal: Portal) -> None:
    barrier = Barrier(2)

    def bind_claire() -> None:
        barrier.wait()
        bind(portal, "claire", COLLEGE)

    threads = [Thread(target=bind_claire) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(portal) == [("Claire Martin", COLLEGE)]
    assert len(mails(portal)) == 1


@pytest.mark.parametrize("changed", [{"mail": "nouvelle@ac-toulouse.fr"}, {"etat": "FERME"}])
def test_end__with_the_directory(portal: Portal, changed: dict[str, str]) -> None:
    ended, staying = bind(portal, "claire", COLLEGE), bind(portal, "luce", ELSEWHERE)
    sessions = [portal.secret(SessionUser(role=CHEF.role, subject=uai, name="x", identity=identity.digest))
                for uai, identity in ((COLLEGE, ended), (ELSEWHERE, staying), (ELSEWHERE, ended))]  # fmt: skip
    lines = [
        row(uai, **({"mail": school[4] or ""} | (changed if uai == COLLEGE else {}))) for uai, school in SCHOOLS.items()
    ]
    portal.app.directory.import_file(BytesIO(file_of(*lines)), portal.actor(STAFF))
    assert names(portal) == [("Luce Martin", ELSEWHERE)]
    alive = [portal.context.sessions.find(secret, portal.clock.now()) is not None for secret in sessions]
    assert alive == [False, True, True]  # the same person's session of elsewhere was not opened by this binding
    reason = "mailbox_changed" if "mail" in changed else "closed"
    assert installation_events(portal.app, "binding_ended") == [
        ("binding_ended", {"binding": 1, "reason": reason, "uai": COLLEGE})
    ]


@pytest.mark.rule("R3")
def test_end__by_its_own_chef_or_an_operator_alone(portal: Portal) -> None:
    bind(portal, "claire", COLLEGE)
    assert portal.app.bindings.end(1, portal.actor(OTHER_CHEF)) is None
    with pytest.raises(NotAllowed):
        portal.app.bindings.end(1, portal.actor(DRANE))
    assert names(portal) == [("Claire Martin", COLLEGE)]
    ended = portal.app.bindings.end(1, portal.actor(CHEF))
    assert ended is not None
    assert ended.name == "Claire Martin"
    assert portal.app.bindings.end(1, portal.actor(CHEF)) is None
    bind(portal, "claire", COLLEGE)
    assert [binding.number for binding in portal.app.bindings.list_latest(9)] != [1]


@pytest.mark.rule("R52")
def test_end__with_the_school_year_and_never_under_a_clock_that_is_not_believed(portal: Portal) -> None:
    portal.app.ticker.tick()
    bind(portal, "claire", COLLEGE)
    portal.clock.advance(days=400)
    portal.app.ticker.tick()
    assert names(portal) == [("Claire Martin", COLLEGE)]
    portal.clock.advance(days=-400)
    for _ in range(12):
        portal.clock.advance(days=30)
        portal.app.ticker.tick()
    assert names(portal) == []


def test_list__pages_the_latest_first(portal: Portal) -> None:
    for number in range(5):
        bind(portal, f"p{number}", COLLEGE)
    first = portal.app.bindings.list_latest(2)
    assert [binding.name for binding in first] == ["P4 Martin", "P3 Martin"]
    second = portal.app.bindings.list_latest(2, before=first[-1].number)
    assert [binding.name for binding in second] == ["P2 Martin", "P1 Martin"]
