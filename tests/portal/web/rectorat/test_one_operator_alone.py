"""Whatever one operator does, he alone never gets a code that he alone wanted (R6, R14)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from notifications.outbox.store import MAILS
from notifications.vocabulary import CODE_KINDS, Fault, Kind, Mail, Stage
from states import commands as c
from states.model import OnBehalf
from states.vocabulary import Channel, CheckOutcome, ReissueReason, RequestedBy, Role, Scope, Step
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.html_forms import form_to, send
from tests.kit.installation import OTHER_OPERATOR
from tests.kit.portal import CHEF, DRANE, SCHOOLS, STAFF, Portal, open_portal
from tests.workflow.directory.files import file_of, uai_of
from tests.workflow.directory.files import row as school_row
from workflow.auth.sessions import SessionUser
from workflow.auth.tokens import TokenRefused
from workflow.directory.importer import DirectoryRefused
from workflow.engine.engine import Done
from workflow.mail import CodeWithheld, MailFilters, list_mails

UAI = "0310001H"
PLACE = f"/rectorat/etablissements/{UAI}"
INSIDER = "complice@ac-toulouse.fr"
COLLEAGUE = SessionUser(role=Role.OPERATOR, subject=OTHER_OPERATOR)
FALSE_CHEF = SessionUser(role=Role.CHEF, subject=UAI, name="Faux Chef")
CODE = c.Code(clear="Ab12Cd34")


@pytest.fixture(params=BACKENDS)
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    with fresh_url(request.param, tmp_path) as url, open_portal(tmp_path, url, settings="four_eyes: true\n") as portal:
        yield portal


def set_mailbox(portal: Portal, address: str | None = INSIDER) -> None:
    portal.app.directory.set_mailbox(UAI, address, "l'annuaire est faux", portal.actor(STAFF))


def confirm(portal: Portal) -> None:
    assert portal.app.directory.confirm_mailbox(UAI, portal.actor(COLLEAGUE))


def refused_code(portal: Portal, reference: str, by: SessionUser = STAFF) -> set[str]:
    """The reasons for which this operator may not issue; empty when he may, which is then done."""
    (result,) = portal.app.engine.execute([c.IssueCode(reference=reference, code=CODE)], portal.actor(by))
    return set() if isinstance(result, Done) else {reason.code for reason in result.reasons}


def mails(portal: Portal, *kinds: Kind) -> list[Mail]:
    with portal.app.database.read() as connection:
        return [mail for mail in list_mails(connection, MailFilters(), limit=200).mails if mail.kind in kinds]


@pytest.mark.rule("R6", "R14")
def test_mailbox__the_chef_who_signs_in_by_it_gets_no_code_of_its_author(portal: Portal) -> None:
    set_mailbox(portal)
    reference = portal.checked(session_user=FALSE_CHEF)
    assert refused_code(portal, reference) == {"four_eyes", "mailbox_held", "stands_in"}
    portal.clock.advance(hours=25)
    assert refused_code(portal, reference) == {"four_eyes", "stands_in"}
    set_mailbox(portal, None)
    portal.clock.advance(days=31)
    assert "four_eyes" in refused_code(portal, reference)  # what was asked through it stays his
    assert mails(portal, *CODE_KINDS) == []


@pytest.mark.rule("R6", "R14")
def test_mailbox__a_true_request_is_not_diverted(portal: Portal) -> None:
    reference = portal.checked()
    set_mailbox(portal)
    assert refused_code(portal, reference) == {"mailbox_held", "stands_in"}
    assert refused_code(portal, reference, COLLEAGUE) == {"mailbox_held"}
    set_mailbox(portal, None)
    assert refused_code(portal, reference) == {"stands_in"}  # for a month
    assert refused_code(portal, reference, COLLEAGUE) == set()
    assert [mail.recipient for mail in mails(portal, *CODE_KINDS)] == ["ce.0310001h@ac-toulouse.fr"]


@pytest.mark.rule("R6", "R14")
def test_mailbox__a_code_issued_before_is_neither_issued_again_nor_sent_there(portal: Portal) -> None:
    reference = portal.issued()
    with portal.app.database.write() as connection:
        dead = {"stage": Stage.DEAD.value, "fault": Fault.RECIPIENT_REFUSED.value, "next_attempt_at": None}
        connection.execute(MAILS.update().where(MAILS.c.kind == Kind.CODE_ISSUED.value).values(dead))
    (mail,) = mails(portal, Kind.CODE_ISSUED)
    set_mailbox(portal)
    for days in (0, 2):
        portal.clock.advance(days=days)
        with pytest.raises(CodeWithheld):
            portal.app.mail_journal.retry(mail.id, portal.actor(STAFF))
        again = c.ReissueCode(reference=reference, reason=ReissueReason.NOT_RECEIVED, code=CODE)
        (result,) = portal.app.engine.execute([again], portal.actor(STAFF))
        assert not isinstance(result, Done)
    assert {mail.recipient for mail in mails(portal, *CODE_KINDS)} == {"ce.0310001h@ac-toulouse.fr"}
    assert portal.app.mail_journal.retry(mail.id, portal.actor(COLLEAGUE))


@pytest.mark.rule("R6", "R76")
def test_token__who_made_it_does_not_issue_what_it_asked_for(portal: Portal) -> None:
    token, secret = portal.app.tokens.create(
        portal.actor(STAFF), Role.CHEF, [UAI], scope=Scope.ACT, label="programme", days=30
    )
    match = portal.app.tokens.find(secret)
    assert match
    reference = portal.checked()
    assert refused_code(portal, reference) == {"four_eyes", "stands_in"}
    portal.app.tokens.revoke(portal.actor(STAFF), token.id)
    portal.clock.advance(days=1)
    other = portal.checked(2)
    assert refused_code(portal, other) == {"stands_in"}
    assert refused_code(portal, other, COLLEAGUE) == set()


@pytest.mark.rule("R6", "R76")
def test_token__of_a_colleague_is_made_by_him_alone(portal: Portal) -> None:
    with pytest.raises(TokenRefused):
        portal.app.tokens.create(
            portal.actor(STAFF), Role.OPERATOR, [OTHER_OPERATOR], scope=Scope.ACT, label="programme", days=30
        )
    portal.app.tokens.create(
        portal.actor(COLLEAGUE), Role.OPERATOR, [OTHER_OPERATOR], scope=Scope.ACT, label="programme", days=30
    )


@pytest.mark.rule("R6")
def test_behalf__and_what_follows_it(portal: Portal) -> None:
    behalf = OnBehalf(who="la principale", how=RequestedBy.TELEPHONE, when="2026-09-14")
    reference = portal.submitted()
    portal.do(c.SendBack(reference=reference, step=Step.CONFIRMATION, why="à revoir"), STAFF)
    portal.do(
        c.Submit(reference=reference, nom="Nomb", prenom="Prénom", mail="rupn1@ac-toulouse.fr", on_behalf=behalf), STAFF
    )
    for check in (c.CheckListing, c.CheckDelegation):
        portal.do(check(reference=reference, outcome=CheckOutcome.POSITIVE, source="liste"), STAFF)
    assert refused_code(portal, reference) == {"four_eyes"}
    assert refused_code(portal, reference, COLLEAGUE) == set()


def import_directory(portal: Portal, mailboxes: Mapping[str, str] = {}) -> None:
    """A directory in which these establishments have these mailboxes, and the others their own."""
    schools = {uai: school[-1] for uai, school in SCHOOLS.items()} | dict(mailboxes)
    file = file_of(*(school_row(uai, mail=mail or "") for uai, mail in schools.items()))
    portal.app.directory.import_file(BytesIO(file), portal.actor(STAFF), accept_loss=True)


@pytest.mark.rule("R6", "R14", "R120")
def test_import__a_mailbox_that_it_chooses_counts_as_set_by_its_author(portal: Portal) -> None:
    true_one = portal.checked(8)
    file = BytesIO(file_of(*(school_row(uai, mail=INSIDER) for uai in (UAI, *list(SCHOOLS)[1:]))))
    foreseen = portal.app.directory.import_file(file, portal.actor(STAFF), dry_run=True)
    assert foreseen.chosen_mailboxes == len(SCHOOLS)
    import_directory(portal, {UAI: INSIDER})
    assert [mail.recipient for mail in mails(portal, Kind.MAILBOX_CHANGED)] == ["ce.0310001h@ac-toulouse.fr"]
    assert {mail.recipient for mail in mails(portal, Kind.MAILBOX_TO_CONFIRM)} >= {OTHER_OPERATOR}
    reference = portal.checked(session_user=FALSE_CHEF)
    assert refused_code(portal, reference) == {"four_eyes", "mailbox_held", "stands_in"}
    assert refused_code(portal, true_one) == {"mailbox_held", "stands_in"}
    assert refused_code(portal, true_one, COLLEAGUE) == {"mailbox_held"}
    import_directory(portal)  # and back again
    portal.clock.advance(days=31)
    assert "four_eyes" in refused_code(portal, reference)
    assert mails(portal, *CODE_KINDS) == []


@pytest.mark.rule("R6", "R14", "R120")
@pytest.mark.parametrize("way", ["set to the same", "set to another, then given back"])
def test_import__its_mailbox_is_not_made_innocent_by_another_decision(portal: Portal, way: str) -> None:
    import_directory(portal, {UAI: INSIDER})
    if way == "set to the same":
        set_mailbox(portal, INSIDER)
    else:
        set_mailbox(portal, "autre@ac-toulouse.fr")
        set_mailbox(portal, None)
    reference = portal.checked(session_user=FALSE_CHEF)
    assert refused_code(portal, reference) == {"four_eyes", "mailbox_held", "stands_in"}
    portal.clock.advance(days=60)
    assert {"four_eyes", "stands_in"} <= refused_code(portal, reference)
    confirm(portal)


@pytest.mark.rule("R6", "R120")
def test_import__an_establishment_that_it_invents_gets_no_code_of_its_author(portal: Portal) -> None:
    invented = uai_of(11)
    import_directory(portal, {invented: INSIDER})
    reference = portal.checked(session_user=replace(FALSE_CHEF, subject=invented))
    assert refused_code(portal, reference) == {"four_eyes", "mailbox_held", "stands_in"}
    portal.clock.advance(days=60)
    assert {"four_eyes", "stands_in"} <= refused_code(portal, reference)


@pytest.mark.rule("R120")
def test_import__the_establishments_own_mailboxes_are_nobodys_choice(portal: Portal) -> None:
    set_mailbox(portal, "autre@ac-toulouse.fr")
    set_mailbox(portal, None)
    portal.clock.advance(days=31)
    import_directory(portal, {UAI: "0310001H@ac-toulouse.fr"})
    reference = portal.checked()
    assert refused_code(portal, reference) == set()


@pytest.mark.rule("R14")
def test_mailbox__the_former_one_and_every_operator_are_told(portal: Portal) -> None:
    set_mailbox(portal)
    assert [mail.recipient for mail in mails(portal, Kind.MAILBOX_CHANGED)] == ["ce.0310001h@ac-toulouse.fr"]
    recipients = {mail.recipient for mail in mails(portal, Kind.MAILBOX_TO_CONFIRM)}
    assert recipients == {"oda@ac-toulouse.fr", "op@ac-toulouse.fr", OTHER_OPERATOR}
    set_mailbox(portal)
    assert len(mails(portal, Kind.MAILBOX_TO_CONFIRM)) == 3


@pytest.mark.rule("R14")
def test_mailbox__a_second_operator_lets_the_codes_leave(portal: Portal) -> None:
    reference = portal.checked()
    set_mailbox(portal)
    with pytest.raises(DirectoryRefused, match="vous-même"):
        portal.app.directory.confirm_mailbox(UAI, portal.actor(STAFF))
    own = portal.client(STAFF).get(PLACE).text
    assert "Aucun code ne part encore vers cette boîte" in own
    assert "/boite/confirmer" not in own
    client = portal.client(COLLEAGUE)
    page = client.get(f"/rectorat/demandes/{reference}/emettre")
    assert "Boîte fixée par op@ac-toulouse.fr" in page.text
    done = send(client, form_to(client.get(PLACE), "/boite/confirmer"))
    assert "la boîte est confirmée" in done.text
    assert "Aucun code ne part encore" not in done.text
    assert portal.app.directory.confirm_mailbox(UAI, portal.actor(COLLEAGUE)) is False
    assert refused_code(portal, reference, COLLEAGUE) == set()
    (mail,) = mails(portal, Kind.CODE_ISSUED)
    assert mail.recipient == INSIDER


@pytest.mark.rule("R9", "R14")
def test_mailbox__changed_behind_the_second_operators_back_is_not_confirmed(portal: Portal) -> None:
    set_mailbox(portal, "ce.0310001h.bis@ac-toulouse.fr")
    client = portal.client(COLLEAGUE)
    form = form_to(client.get(PLACE), "/boite/confirmer")
    set_mailbox(portal)
    refused = send(client, form)
    assert refused.status_code == 422
    assert "rien n'est confirmé" in refused.text.replace("&#39;", "'")
    assert INSIDER in refused.text
    assert refused_code(portal, portal.checked(), COLLEAGUE) == {"mailbox_held"}


@pytest.mark.rule("R6", "R14", "R114")
@pytest.mark.parametrize("who", ["by the substitute", "by the substituted"])
def test_mailbox__of_an_operator_and_his_substitute_is_one_persons(portal: Portal, who: str) -> None:
    today = portal.context.pages.today()
    service = portal.app.substitutions
    substitution = service.give(portal.actor(STAFF), STAFF, today, today, to=DRANE.subject)
    substitute, staff = service.actor(DRANE, substitution, Channel.WEB), portal.actor(STAFF)
    author, other = (substitute, staff) if who == "by the substitute" else (staff, substitute)
    portal.app.directory.set_mailbox(UAI, INSIDER, "l'annuaire est faux", author)
    for actor in (author, other):
        with pytest.raises(DirectoryRefused, match="vous-même"):
            portal.app.directory.confirm_mailbox(UAI, actor)
    reference = portal.checked(session_user=FALSE_CHEF)
    portal.clock.advance(hours=12)
    for actor in (author, other):
        (result,) = portal.app.engine.execute([c.IssueCode(reference=reference, code=CODE)], actor)
        assert not isinstance(result, Done)
        assert {"four_eyes", "stands_in"} <= {reason.code for reason in result.reasons}


@pytest.mark.rule("R14")
def test_mailbox__that_of_the_directory_waits_for_nobody(portal: Portal) -> None:
    reference = portal.checked()
    change = portal.app.directory.set_mailbox(UAI, "ce.0310001h@ac-toulouse.fr", "à garder", portal.actor(STAFF))
    assert change.codes_from is None
    assert mails(portal, Kind.MAILBOX_CHANGED, Kind.MAILBOX_TO_CONFIRM) == []
    assert refused_code(portal, reference, COLLEAGUE) == set()


@pytest.mark.rule("R6")
def test_chef__reads_to_which_address_each_mail_went(portal: Portal) -> None:
    portal.issued()
    with portal.app.database.write() as connection:
        connection.execute(MAILS.update().values(stage=Stage.SENT.value, next_attempt_at=None))
    page = portal.client(CHEF).get("/etablissement/courriels").text
    assert "envoyé à ce.0310001h@ac-toulouse.fr" in page
