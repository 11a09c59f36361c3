"""Substitutions: given by who has the role, ended by their day, a person or a lost role, counted for both (R114)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from notifications.messages.catalogue import CATALOGUE
from notifications.outbox.store import MAILS
from notifications.vocabulary import Kind
from states import commands as c
from states import french
from states.decision import Refused
from states.model import Actor, OnBehalf
from states.vocabulary import Channel, CheckOutcome, RequestedBy, Role
from tests.kit.portal import CHEF, DEPUTY, DRANE, OTHER_CHEF, STAFF, TWO_SCHOOLS, Portal, open_portal
from tests.kit.sign_in import installation_events
from workflow.auth.actors import NotAllowed, remember_chef
from workflow.auth.sessions import SessionUser
from workflow.auth.substitutions import Substitution, SubstitutionRefused
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.engine.engine import Done

pytestmark = pytest.mark.rule("R114")

TODAY = date(2026, 9, 14)
IN_A_WEEK = TODAY + timedelta(days=7)


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    """Two chefs are known; two persons are wanted for a code."""
    with open_portal(tmp_path, database_url, settings="four_eyes: true\n") as portal:
        with portal.app.database.write() as connection:
            for chef in (CHEF, OTHER_CHEF):
                remember_chef(connection, chef.uais, chef.name, is_new=True)
        yield portal


def give_substitution(
    portal: Portal, user: SessionUser = STAFF, first: date = TODAY, last: date = IN_A_WEEK
) -> Substitution:
    """A substitution of the operator by the reader, or of the chef by another."""
    to, name = (DRANE.subject, "") if user is STAFF else (OTHER_CHEF.subject, OTHER_CHEF.name)
    return portal.app.substitutions.give(
        portal.actor(user), user, first, last, to=to, name=name, uai=user.uais[0] if user.uais else ""
    )


def holds(portal: Portal, substitution: Substitution) -> bool:
    user = DRANE if substitution.role is Role.OPERATOR else OTHER_CHEF
    return portal.app.substitutions.in_force(user, substitution.number) is not None


def acting(portal: Portal, substitution: Substitution) -> Actor:
    user = DRANE if substitution.role is Role.OPERATOR else OTHER_CHEF
    in_force = portal.app.substitutions.in_force(user, substitution.number)
    assert in_force
    return portal.app.substitutions.actor(user, in_force, Channel.WEB)


def test_give__an_operator_to_a_reader_who_acts_in_their_own_name(portal: Portal) -> None:
    actor = acting(portal, give_substitution(portal))
    assert (actor.role, actor.in_stead_of) == (Role.OPERATOR, STAFF.subject)
    assert actor.label == f"{DRANE.subject} (opérateur du rectorat, en suppléance {french.de(STAFF.subject)})"
    assert actor.number not in {portal.actor(STAFF).number, portal.actor(DRANE).number}
    assert portal.actor(STAFF).number in actor.numbers
    (_, data), *_ = installation_events(portal.app, "substitution_given")
    assert data == {"number": 1, "role": "operator", "first_day": "2026-09-14", "last_day": "2026-09-21"}


def test_give__a_chef_to_another_for_one_establishment(portal: Portal) -> None:
    actor = acting(portal, give_substitution(portal, CHEF))
    assert actor.establishments == {CHEF.subject}, "and no other, be it their own"
    assert (actor.name, actor.chef_name) == (OTHER_CHEF.name, CHEF.name)
    assert "en suppléance de Claire Martin (0310001H)" in actor.label


@pytest.mark.parametrize("user", [STAFF, CHEF], ids=["operator", "chef"])
def test_days__hold_from_the_first_to_the_last_and_no_longer(portal: Portal, user: SessionUser) -> None:
    substitution = give_substitution(portal, user, TODAY + timedelta(days=1), TODAY + timedelta(days=2))
    assert not holds(portal, substitution)
    for is_held in (True, True, False):
        portal.clock.advance(days=1)
        assert holds(portal, substitution) is is_held
    portal.app.ticker.tick()
    assert installation_events(portal.app, "substitution_expired") == [
        ("substitution_expired", {"number": 1, "why": "expired"})
    ]
    portal.clock.advance(days=-2)
    assert not holds(portal, substitution), "ended for good, whatever the clock"


@pytest.mark.parametrize(
    ("first", "last"),
    [(TODAY - timedelta(days=1), IN_A_WEEK), (IN_A_WEEK, TODAY), (TODAY, TODAY + timedelta(days=184))],
    ids=["past", "backwards", "too-long"],
)
def test_days__that_make_no_sense_are_refused(portal: Portal, first: date, last: date) -> None:
    with pytest.raises(SubstitutionRefused):
        give_substitution(portal, STAFF, first, last)
    assert installation_events(portal.app, "substitution_given") == []


def test_give__to_nobody_who_is_not_known(portal: Portal) -> None:
    give, staff, chef = portal.app.substitutions.give, portal.actor(STAFF), portal.actor(CHEF)
    for to in ("inconnu@ac-toulouse.fr", STAFF.subject, "0310001H"):
        with pytest.raises(SubstitutionRefused):
            give(staff, STAFF, TODAY, IN_A_WEEK, to=to)
    for to, name in (
        (OTHER_CHEF.subject, "Luce Autre"), ("0310002J", "Luce Faure"), ("9999999Z", ""), (CHEF.subject, CHEF.name)
    ):  # fmt: skip
        with pytest.raises(SubstitutionRefused):
            give(chef, CHEF, TODAY, IN_A_WEEK, to=to, name=name, uai=CHEF.subject)
    with pytest.raises(SubstitutionRefused):  # not his establishment
        give(chef, CHEF, TODAY, IN_A_WEEK, to=OTHER_CHEF.subject, name=OTHER_CHEF.name, uai="0310002J")


def test_give__neither_by_a_reader_nor_a_deputy_nor_a_substitute(portal: Portal) -> None:
    give = portal.app.substitutions.give
    chain = [
        (acting(portal, give_substitution(portal)), DRANE),
        (acting(portal, give_substitution(portal, CHEF)), OTHER_CHEF),
    ]
    for actor, user in ((portal.actor(DRANE), DRANE), (portal.actor(DEPUTY), DEPUTY), *chain):
        with pytest.raises(NotAllowed):
            give(actor, user, TODAY, IN_A_WEEK, to=DRANE.subject, name=CHEF.name, uai=CHEF.subject)


def test_holds__for_the_person_it_was_given_to_alone(portal: Portal) -> None:
    service = portal.app.substitutions
    of_operator, of_chef = give_substitution(portal), give_substitution(portal, CHEF)
    at_same_address = [replace(DRANE, role=role) for role in (Role.RUPN, Role.OPERATOR)]
    for user in (STAFF, CHEF, DEPUTY, OTHER_CHEF, replace(DRANE, subject="autre@ac-toulouse.fr"), *at_same_address):
        assert service.in_force(user, of_operator.number) is None
    another = replace(OTHER_CHEF, name="Paul Neuf")
    for user in (STAFF, DRANE, CHEF, another, replace(OTHER_CHEF, role=Role.DEPUTY)):
        assert service.in_force(user, of_chef.number) is None
    assert service.in_force(replace(OTHER_CHEF, name="FAURE Luce"), of_chef.number), "the same name, written otherwise"


def mails(portal: Portal) -> list[tuple[str, str]]:
    """To whom those of substitutions leave, and how they say that it ended; forgotten once read."""
    of_them = MAILS.c.kind.in_([Kind.SUBSTITUTION.value, Kind.SUBSTITUTION_CHEF.value])
    with portal.app.database.write() as connection:
        rows = connection.execute(select(MAILS).where(of_them).order_by(MAILS.c.recipient)).all()
        connection.execute(delete(MAILS).where(of_them))
    return [(row.recipient, CATALOGUE[Kind(row.kind)].decode(row.context).ended) for row in rows]


@pytest.mark.parametrize("user", [STAFF, CHEF], ids=["operator", "chef"])
def test_mails__tell_both_and_the_operators_that_it_is_given_and_that_it_ended_early(
    portal: Portal, user: SessionUser
) -> None:
    substitution = give_substitution(portal, user)
    both = [DRANE.subject, "oda@ac-toulouse.fr", STAFF.subject]
    if user is CHEF:
        both = ["ce.0120001x@ac-toulouse.fr", "ce.0310001h@ac-toulouse.fr", "oda@ac-toulouse.fr"]
    assert mails(portal) == [(address, "") for address in both]
    assert portal.app.substitutions.end(substitution.number, portal.actor(user), user)
    assert mails(portal) == [(address, "par la personne suppléée") for address in both]
    give_substitution(portal, user)
    mails(portal)
    portal.clock.advance(days=30)
    assert portal.app.substitutions.expire() == 1
    assert mails(portal) == [], "it ended on its day, as everybody knew"


def test_mails__tell_that_a_role_was_lost(portal: Portal) -> None:
    give_substitution(portal, CHEF)
    mails(portal)
    with portal.app.database.write() as connection:
        remember_chef(connection, [CHEF.subject], "Paul Neuf", is_new=True)
    assert portal.app.substitutions.expire() == 1
    assert {ended for _, ended in mails(portal)} == {"avec le rôle, ou la boîte, de l'une des deux personnes"}


@pytest.mark.parametrize("by", ["giver", "substitute", "operator"])
def test_end__by_either_or_by_an_operator(portal: Portal, by: str) -> None:
    substitution = give_substitution(portal, CHEF)
    user = {"giver": CHEF, "substitute": OTHER_CHEF, "operator": STAFF}[by]
    for stranger in (DRANE, DEPUTY, replace(OTHER_CHEF, name="Paul Neuf")):
        assert not portal.app.substitutions.end(substitution.number, portal.actor(stranger), stranger)
    assert holds(portal, substitution)
    assert portal.app.substitutions.end(substitution.number, portal.actor(user), user)
    assert not holds(portal, substitution)
    assert not portal.app.substitutions.end(substitution.number, portal.actor(user), user)
    assert installation_events(portal.app, "substitution_ended") == [("substitution_ended", {"number": 1, "why": by})]


@pytest.mark.parametrize("lost", ["giver-renamed", "substitute-renamed", "giver-closed", "giver-moved", "other-moved"])
def test_end__with_the_role_of_either(portal: Portal, lost: str) -> None:
    substitution, staff = give_substitution(portal, CHEF), portal.actor(STAFF)
    mails(portal)
    uai = CHEF.subject if lost.startswith("giver") else OTHER_CHEF.subject
    if lost.endswith("moved"):
        portal.app.directory.set_mailbox(uai, "nouvelle@ac-toulouse.fr", "elle a changé", staff)
    else:
        with portal.app.database.write() as connection:
            if lost.endswith("renamed"):
                remember_chef(connection, [uai], "Paul Neuf", is_new=True)
            else:
                connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).values(is_open=False))
    assert not holds(portal, substitution), "at once, before the schedule has passed"
    portal.app.ticker.tick()
    assert installation_events(portal.app, "substitution_ended") == [
        ("substitution_ended", {"number": 1, "why": "role_lost"})
    ]
    addresses = {
        "giver-moved": ["ce.0120001x@ac-toulouse.fr", "nouvelle@ac-toulouse.fr"],
        "other-moved": ["ce.0310001h@ac-toulouse.fr", "nouvelle@ac-toulouse.fr"],
    }.get(lost, ["ce.0120001x@ac-toulouse.fr", "ce.0310001h@ac-toulouse.fr"])
    ended = "avec le rôle, ou la boîte, de l'une des deux personnes"
    assert mails(portal) == [(address, ended) for address in [*addresses, "oda@ac-toulouse.fr"]]


def attest(portal: Portal, reference: str, actor: Actor) -> object:
    """This operator attests the delegation for an establishment that telephoned (R5)."""
    behalf = OnBehalf(who="la secrétaire", how=RequestedBy.TELEPHONE, when=TODAY.isoformat())
    attests = c.Delegate(reference=reference, why="accueil des familles", made_on=TODAY, on_behalf=behalf)
    return portal.app.engine.execute([attests], actor)[0]


def issues(portal: Portal, reference: str, actor: Actor) -> bool:
    """Whether this operator may send the code."""
    (result,) = portal.app.engine.execute([c.IssueCode(reference=reference, code=c.Code(clear="Ab12Cd34"))], actor)
    if isinstance(result, Refused):
        assert "R6" in {reason.rule for reason in result.reasons}, result.reasons
        return False
    return True


def ready(portal: Portal, for_chef: Actor) -> str:
    """A request whose delegation this operator attested for the establishment, and that waits for its code."""
    reference = portal.declared()
    assert isinstance(attest(portal, reference, for_chef), Done)
    version = portal.app.settings.charter.version
    portal.do(c.SignCharter(reference=reference, signed_on=TODAY, version=version, copy_kept=True), CHEF)
    mail = "rupn1@ac-toulouse.fr"
    portal.do(c.Submit(reference=reference, nom="Nomb", prenom="Prénom", mail=mail), CHEF)
    for check in (c.CheckListing, c.CheckDelegation):
        portal.do(check(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste reçue"), STAFF)
    return reference


@pytest.mark.rule("R6")
def test_four_eyes__what_the_substitute_did_counts_for_both(portal: Portal) -> None:
    substitute = acting(portal, give_substitution(portal))
    reference = ready(portal, substitute)
    assert not issues(portal, reference, substitute)
    assert not issues(portal, reference, portal.app.people.operator(STAFF.subject, Channel.WEB))
    (second,) = [address for address in portal.app.people.operators() if address != STAFF.subject]
    assert issues(portal, reference, portal.app.people.operator(second, Channel.WEB))


@pytest.mark.rule("R6")
def test_four_eyes__what_the_substituted_did_counts_for_the_substitute(portal: Portal) -> None:
    substitution = give_substitution(portal)
    reference = ready(portal, portal.actor(STAFF))
    assert not issues(portal, reference, acting(portal, substitution))


@pytest.mark.rule("R6")
def test_four_eyes__still_counts_once_it_has_ended_and_under_another(portal: Portal) -> None:
    substitution = give_substitution(portal)
    reference = ready(portal, acting(portal, substitution))
    portal.app.substitutions.end(substitution.number, portal.actor(STAFF), STAFF)
    assert not issues(portal, reference, portal.app.people.operator(STAFF.subject, Channel.WEB))
    (second,) = [address for address in portal.app.people.operators() if address != STAFF.subject]
    other = replace(STAFF, subject=second)
    again = portal.app.substitutions.give(portal.actor(other), other, TODAY, IN_A_WEEK, to=DRANE.subject)
    assert not issues(portal, reference, acting(portal, again)), "the same reader, in the stead of another"


@pytest.mark.rule("R6")
def test_four_eyes__whoever_set_the_mailbox_of_the_substitute_counts(portal: Portal) -> None:
    staff = portal.actor(STAFF)
    portal.app.directory.set_mailbox(OTHER_CHEF.subject, "neuve@ac-toulouse.fr", "elle a changé", staff)
    substitution = give_substitution(portal, CHEF)
    actor = acting(portal, substitution)
    assert staff.number in actor.counts_as
    (done,) = portal.app.engine.execute(
        [c.Declare(uai=CHEF.subject, nom="Roux", prenom="Anaïs", mail="anais.roux@ac-toulouse.fr")], actor
    )
    assert isinstance(done, Done)
    with portal.app.database.read() as connection:
        row = connection.execute(select(REQUEST).where(REQUEST.c.reference == done.reference)).one()
    assert row.acted_on_behalf == str(staff.number)
    assert row.chef_name == CHEF.name, "the chef of the request is who is substituted"


def test_list__is_of_both_and_of_operators(portal: Portal) -> None:
    give_substitution(portal)
    give_substitution(portal, CHEF)
    service = portal.app.substitutions
    assert [substitution.number for substitution in service.of_user(STAFF)] == [1]
    assert [substitution.number for substitution in service.of_user(DRANE)] == [1]
    assert [substitution.number for substitution in service.of_user(CHEF)] == [2]
    assert [substitution.number for substitution in service.of_user(TWO_SCHOOLS)] == [2]
    assert [substitution.number for substitution in service.of_user(OTHER_CHEF)] == [2]
    assert service.of_user(DEPUTY) == ()
    assert [substitution.number for substitution in service.all(portal.actor(STAFF))] == [2, 1]
    with pytest.raises(NotAllowed):
        service.all(portal.actor(DRANE))


def test_ended__is_forgotten_after_a_year(portal: Portal) -> None:
    substitution = give_substitution(portal)
    portal.app.substitutions.end(substitution.number, portal.actor(STAFF), STAFF)
    portal.clock.advance(days=367)
    portal.app.substitutions.expire()
    assert portal.app.substitutions.of_user(STAFF) == ()


def test_required_second_factor__no_reader_stands_in_for_an_operator(database_url: str, tmp_path: Path) -> None:
    settings = "sign_in:\n  second_factor: required\n"
    with open_portal(tmp_path, database_url, settings=settings) as portal, pytest.raises(SubstitutionRefused):
        give_substitution(portal)
