"""/rectorat/courriels: what did not arrive first, its story, sent again or discarded, by operators alone (R58)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from notifications.outbox.store import MAILS, PAUSE, SEALS
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal
from workflow import mail as mail_lists
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import RESTORATION
from workflow.journal.chain import INSTALLATION

PLACE = "/rectorat/courriels"
WORDS = "550 5.1.1 <boîte> User unknown"


def mail_of(portal: Portal, kind: str, reference: str) -> Any:
    """The last mail of that kind about a request."""
    wanted = (MAILS.c.kind == kind, MAILS.c.reference == reference)
    with portal.app.database.read() as connection:
        return connection.execute(select(MAILS).where(*wanted).order_by(MAILS.c.id.desc())).first()


def lose(portal: Portal, about: str, reference: str, *, fault: str = "recipient_refused", **changes: Any) -> int:
    """The relay refused it for good; its number."""
    number = int(mail_of(portal, about, reference).id)
    values = {"stage": "dead", "fault": fault, "attempts": 1, "next_attempt_at": None, "last_reply": WORDS} | changes
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).where(MAILS.c.id == number).values(values))
    return number


def journal_of(portal: Portal, kind: str) -> int:
    """How many events of that kind the installation's journal holds."""
    with portal.app.database.read() as connection:
        query = select(EVENT.c.seq).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == kind)
        return len(connection.execute(query).all())


@pytest.mark.rule("R58")
def test_list__what_did_not_arrive_stands_first_with_the_server_s_words(portal: Portal) -> None:
    first, second = portal.issued(1), portal.declared(2, OTHER_CHEF)
    lost = lose(portal, "code_issued", first)
    text = portal.client(STAFF).get(PLACE).text
    assert "1 courriel non remis" in text
    places = [text.index(f'{PLACE}/{number}"') for number in (lost, mail_of(portal, "declared", second).id)]
    assert places == sorted(places)
    assert "Destinataire refusé" in text
    assert "550 5.1.1 &lt;boîte&gt; User unknown" in text


def test_list__filters_stand_in_the_address_and_combine(portal: Portal) -> None:
    mine, other = portal.submitted(1), portal.submitted(2, OTHER_CHEF)
    client = portal.client(STAFF)
    text = client.get(PLACE, params={"genre": "submitted", "etablissement": "0310001h"}).text
    assert f"· {mine}" in text
    assert f"· {other}" not in text
    assert "Déclaration enregistrée n°" not in text.replace('<span class="fr-sr-only">, courriel</span> ', "")
    assert "Aucun courriel ne correspond" in client.get(PLACE, params={"etape": "dead"}).text


@pytest.mark.rule("R58")
def test_list__pages_by_keyset_see_each_mail_once_a_lost_code_among_the_first(portal: Portal) -> None:
    waited = portal.issued(1)
    portal.submitted(2)
    code = lose(portal, "code_issued", waited, fault="too_late", stage="cancelled")
    dead = lose(portal, "submitted", "ODA-2027-00002")
    ids: list[int] = []
    after: str | None = ""
    with portal.app.database.read() as connection:
        while after is not None:
            page = mail_lists.list_mails(connection, mail_lists.MailFilters(), after=after, limit=2)
            ids += [mail.id for mail in page.mails]
            after = page.after
        everything = set(connection.execute(select(MAILS.c.id)).scalars())
    assert len(ids) == len(set(ids))
    assert set(ids) == everything
    assert ids[:2] == [dead, code]


def test_list__a_bad_address_is_said_in_french(portal: Portal) -> None:
    client = portal.client(STAFF)
    for query, sentence in (
        ("etape=nulle", "choisir dans la liste"), ("genre=nul", "choisir dans la liste"),
        ("suite=abc", "repartir de la première page"), ("suite=1-x", "repartir de la première page"),
    ):  # fmt: skip
        answer = client.get(f"{PLACE}?{query}")
        assert answer.status_code == 422
        assert sentence in answer.text


@pytest.mark.rule("R70")
def test_pause__said_with_since_until_and_what_to_do(portal: Portal) -> None:
    now = portal.clock.now()
    pause = {"id": 1, "fault": "login_refused", "reply": "535 non", "since": now - timedelta(minutes=7),
             "until": now + timedelta(minutes=3), "lasts_seconds": 300}  # fmt: skip
    with portal.app.database.write() as connection:
        connection.execute(insert(PAUSE), [pause])
    text = portal.client(DRANE).get(PLACE).text
    for sentence in ("depuis le 14 septembre 2026 à 9 h 53".capitalize(), "10 h 03", "535 non", "oda mail check"):
        assert sentence in text


@pytest.mark.rule("R60")
def test_one__its_text_masks_the_code(portal: Portal) -> None:
    reference = portal.issued(1, code="Zz98Yy76")
    answer = portal.client(STAFF).get(f"{PLACE}/{mail_of(portal, 'code_issued', reference).id}")
    assert answer.status_code == 200
    assert "Zz98Yy76" not in answer.text
    assert reference in answer.text
    assert 'name="mots" value=""' in answer.text, "the search of the header shows what the page calls by its name"


@pytest.mark.rule("R72")
def test_one__a_sign_in_mail_shows_no_link_and_is_not_sent_again(portal: Portal) -> None:
    reference = portal.declared(1)
    secret = "https://exemple.fr/connexion/lien/SECRET"
    number = lose(portal, "declared", reference, kind="sign_in", body=f"Ouvrir {secret}", subject="Se connecter")
    text = portal.client(STAFF).get(f"{PLACE}/{number}").text
    assert "SECRET" not in text
    assert f"{PLACE}/{number}/renvoyer" not in text


@pytest.mark.rule("R58")
def test_retry__the_mail_is_to_be_sent_again_and_the_journal_knows(portal: Portal) -> None:
    number = lose(portal, "submitted", portal.submitted(1))
    client = portal.client(STAFF)
    answer = send(client, form_to(client.get(f"{PLACE}/{number}"), "/renvoyer"))
    assert answer.status_code == 200
    assert "de nouveau à envoyer" in answer.text
    assert "renvoyé, par op@ac-toulouse.fr" in answer.text
    assert mail_of(portal, "submitted", "ODA-2027-00001").stage == "pending"
    assert journal_of(portal, "mail_retried") == 1


@pytest.mark.rule("R62")
def test_retry__a_code_that_is_gone_is_made_anew_instead(portal: Portal) -> None:
    reference = portal.issued(1)
    number = lose(portal, "code_issued", reference)
    with portal.app.database.write() as connection:
        connection.execute(update(SEALS).values(ciphertext=None, erased_why="overdue", erased_at=portal.clock.now()))
    client = portal.client(STAFF)
    page = client.get(f"{PLACE}/{number}")
    assert f"/rectorat/demandes/{reference}/reemettre" in page.text
    assert not any(form.action.endswith("/renvoyer") for form in forms_of(page))
    csrf = form_to(client.get(f"{PLACE}/{number}/ecarter"), "/ecarter").fields["csrf"]
    refused = client.post(f"{PLACE}/{number}/renvoyer", data={"csrf": csrf})
    assert refused.status_code == 422
    assert "Rien n'a changé" in refused.text
    assert "(R62)" in refused.text


@pytest.mark.rule("R58")
def test_retry__all_that_one_cause_has_stopped(portal: Portal) -> None:
    """A button over the filtered list, a page that names them, one result for each."""
    first, second = portal.issued(1), portal.submitted(2, OTHER_CHEF)
    code = lose(portal, "code_issued", first, fault="exhausted")
    request = lose(portal, "submitted", second, fault="exhausted")
    other = lose(portal, "declared", second)
    client = portal.client(STAFF)
    assert "les 3 courriels non remis" in client.get(PLACE).text
    filtered = client.get(PLACE, params={"motif": "exhausted"}).text
    assert "les 2 courriels non remis" in filtered
    assert f"{PLACE}/renvoyer?motif=exhausted" in filtered
    assert f'{PLACE}/{other}"' not in filtered
    assert f"{PLACE}/renvoyer" not in client.get(PLACE, params={"etape": "sent"}).text
    page = client.get(f"{PLACE}/renvoyer", params={"motif": "exhausted"})
    assert "Renvoyer 2 courriels" in page.text
    with portal.app.database.write() as connection:
        connection.execute(update(SEALS).values(ciphertext=None))
    answer = send(client, form_to(page, "/renvoyer"))
    assert "1 courriel à envoyer" in answer.text
    assert f"Courriel n° {request}" in answer.text
    assert f"Courriel n° {code}</a> : Le code" in answer.text
    assert journal_of(portal, "mail_retried") == 1
    assert mail_of(portal, "submitted", second).stage == "pending"
    assert mail_of(portal, "declared", second).stage == "dead"
    assert "Aucun courriel à renvoyer" in client.get(f"{PLACE}/renvoyer", params={"motif": "too_late"}).text


@pytest.mark.rule("R58")
def test_discard__asks_why_then_the_mail_is_given_up(portal: Portal) -> None:
    number = lose(portal, "submitted", portal.submitted(1))
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/{number}/ecarter"), "/ecarter")
    mute = send(client, form)
    assert mute.status_code == 422
    assert "Dire en une phrase pourquoi" in mute.text
    assert mail_of(portal, "submitted", "ODA-2027-00001").stage == "dead"
    done = send(client, form, why="prévenu par téléphone")
    assert "le courriel est écarté" in done.text
    assert "« prévenu par téléphone »" in done.text
    assert mail_of(portal, "submitted", "ODA-2027-00001").stage == "discarded"


@pytest.mark.rule("R2")
def test_reader__sees_no_button_and_is_refused(portal: Portal) -> None:
    number = lose(portal, "submitted", portal.submitted(1))
    reader = portal.client(DRANE)
    page = reader.get(f"{PLACE}/{number}")
    assert page.status_code == 200
    assert forms_of(page) == []
    for place in (f"{number}/renvoyer", f"{number}/ecarter", "renvoyer/0310001H", "renvoyer"):
        assert reader.post(f"{PLACE}/{place}", data={}).status_code == 403
    assert reader.get(f"{PLACE}/{number}/ecarter").status_code == 403
    assert mail_of(portal, "submitted", "ODA-2027-00001").stage == "dead"


def test_doors__no_chef_and_no_unknown_mail(portal: Portal) -> None:
    assert portal.client(CHEF).get(PLACE).status_code == 403
    staff = portal.client(STAFF)
    for number in ("1", "999999999999", "-1"):
        assert staff.get(f"{PLACE}/{number}").status_code == 404


def test_empty__explains_itself(portal: Portal) -> None:
    text = portal.client(STAFF).get(PLACE).text
    assert "Tout est parti" in text
    assert "Aucun courriel ne correspond" in text


@pytest.mark.rule("R116")
def test_list__says_that_a_restored_base_sends_nothing(portal: Portal) -> None:
    portal.declared()
    now = portal.clock.now()
    with portal.app.database.write() as connection:
        connection.execute(RESTORATION.insert().values(id=1, backup_at=now, restored_at=now))
    page = portal.client(STAFF).get("/rectorat/courriels").text
    assert "Aucun courriel ne part : la base a été restaurée" in page
    assert "1 courriel attend." in page
    assert "va partir" not in page
