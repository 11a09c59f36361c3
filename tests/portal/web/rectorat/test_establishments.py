"""/rectorat/etablissements: found, read, their mailbox set or given back, declared for (R5, R11 to R15, R25)."""

import pytest
from sqlalchemy import insert, select, update

from notifications.outbox.store import MAILS
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, DRANE, STAFF, Portal
from workflow.database.tables import ESTABLISHMENT, REQUEST

PLACE = "/rectorat/etablissements"
UAI, BARE = "0310001H", "0310003K"
SEARCHES = {
    "mots=college": {UAI, BARE, "0120001X"},
    "mots=jean+jaures": {UAI},
    "mots=TOULOUSE": {"0310002J"},
    "mots=0120001x": {"0120001X"},
    "departement=12": {"0120001X"},
    "sans_boite=oui": {BARE},
    "fermes=oui": set(),
    "mots=college&departement=31&sans_boite=oui": {BARE},
}


def mailbox(portal: Portal, uai: str) -> str | None:
    """What an operator set."""
    with portal.app.database.read() as connection:
        return connection.execute(select(ESTABLISHMENT.c.set_mailbox).where(ESTABLISHMENT.c.uai == uai)).scalar()


@pytest.mark.rule("R13")
def test_search__with_or_without_accents_every_filter_combining(portal: Portal) -> None:
    client, every = portal.client(DRANE), {UAI, BARE, "0310002J", "0120001X"}
    for query, matches in SEARCHES.items():
        text = client.get(f"{PLACE}?{query}").text
        assert {uai for uai in every if f'{PLACE}/{uai}"' in text} == matches, query
        assert ("Aucun établissement ne correspond" in text) is not bool(matches), query


@pytest.mark.rule("R87", "R89")
def test_export__is_the_filtered_list(portal: Portal) -> None:
    portal.declared(1)
    for session_user in (STAFF, DRANE):
        answer = portal.client(session_user).get(f"{PLACE}/export?departement=31")
        assert "etablissements.csv" in answer.headers["content-disposition"]
        headings, *rows = answer.content.decode("utf-8-sig").splitlines()
        assert headings.startswith("UAI;Établissement;")
        assert [row.partition(";")[0] for row in rows] == [UAI, "0310002J", BARE]
        assert rows[0].endswith("oui;oui;1")
    wrong = portal.client(STAFF).get(f"{PLACE}/export?departement=abc")
    assert wrong.status_code == 422
    assert portal.client(CHEF).get(f"{PLACE}/export").status_code == 403


def test_establishment__can_be_rung_and_written_to(portal: Portal) -> None:
    portal.submitted(1)
    with portal.app.database.write() as connection:
        connection.execute(update(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == UAI).values(telephone="05 61 36 10 00"))
    html = portal.client(STAFF).get(f"{PLACE}/{UAI}").text
    assert '<a href="tel:0561361000">05 61 36 10 00</a>' in html
    assert '<a href="mailto:ce.0310001h@ac-toulouse.fr">' in html
    assert "Claire Martin, d'après la dernière demande" in html


def test_search__a_bad_departement_is_said_in_french(portal: Portal) -> None:
    answer = portal.client(STAFF).get(f"{PLACE}?departement=abc")
    assert answer.status_code == 422
    assert "écrire par exemple 09, 31, 2A ou 974" in answer.text


def test_search__pages_by_uai(portal: Portal) -> None:
    rows = [{"uai": f"099{n:04d}A", "nom": f"Collège n° {n}", "kind": "", "commune": "Foix", "departement": "09",
             "is_open": True, "is_listed": True} for n in range(51)]  # fmt: skip
    with portal.app.database.write() as connection:
        connection.execute(insert(ESTABLISHMENT), rows)
    client = portal.client(STAFF)
    first = client.get(f"{PLACE}?departement=09")
    assert f"{PLACE}?departement=09&amp;suite=0990049A" in first.text
    last = client.get(f"{PLACE}?departement=09&suite=0990049A").text
    assert f'{PLACE}/0990050A"' in last
    assert f'{PLACE}/0990049A"' not in last


def test_one__tells_its_mailbox_its_requests_and_its_mails(portal: Portal) -> None:
    reference = portal.declared(1)
    text = portal.client(DRANE).get(f"{PLACE}/{UAI.lower()}").text
    for sentence in ("donnée par l'annuaire", f"/rectorat/demandes/{reference}", "Déclaration enregistrée",
                 "1 demande en cours"):  # fmt: skip
        assert sentence in text
    assert portal.client(DRANE).get(f"{PLACE}/0319999Z").status_code == 404
    assert portal.client(CHEF).get(f"{PLACE}/{UAI}").status_code == 403


@pytest.mark.rule("R14", "R15")
def test_mailbox__set_with_a_reason_then_its_dead_mails_sent_again(portal: Portal) -> None:
    portal.declared(1)
    dead = {"stage": "dead", "fault": "recipient_refused", "next_attempt_at": None}
    with portal.app.database.write() as connection:
        connection.execute(update(MAILS).where(MAILS.c.uai == UAI, MAILS.c.audience == "establishment").values(dead))
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/{UAI}/boite"), "/boite")
    page = send(client, form, address="Nouvelle@ac-toulouse.fr", why="appel de l'établissement")
    assert "la boîte est fixée" in page.text
    assert "appel de l&#39;établissement" in page.text
    assert "1 courriel n'a pas pu partir" in page.text.replace("&#39;", "'")
    assert mailbox(portal, UAI) == "Nouvelle@ac-toulouse.fr"
    resent = send(client, form_to(page, f"/renvoyer/{UAI}"))
    assert "1 courriel à envoyer" in resent.text
    with portal.app.database.read() as connection:
        again = select(MAILS.c.recipient).where(MAILS.c.stage == "pending", MAILS.c.replaces_id.is_not(None))
        assert connection.execute(again).scalars().all() == ["Nouvelle@ac-toulouse.fr"]


@pytest.mark.rule("R14")
def test_mailbox__bad_input_changes_nothing(portal: Portal) -> None:
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/{UAI}/boite"), "/boite")
    mute = send(client, form)
    assert mute.status_code == 422
    assert "Donner l'adresse de la boîte" in mute.text.replace("&#39;", "'")
    bad = send(client, form, address="pas une adresse", why="appel")
    assert bad.status_code == 422
    assert "Donner une seule adresse électronique" in bad.text
    assert mailbox(portal, UAI) is None


@pytest.mark.rule("R14")
def test_mailbox__given_back_to_the_directory(portal: Portal) -> None:
    client = portal.client(STAFF)
    assert client.get(f"{PLACE}/{UAI}/boite/annuaire").url.path == f"{PLACE}/{UAI}"
    portal.app.directory.set_mailbox(UAI, "autre@ac-toulouse.fr", "appel", portal.actor(STAFF))
    page = send(client, form_to(client.get(f"{PLACE}/{UAI}/boite/annuaire"), "/annuaire"), why="erreur réparée")
    assert "la boîte est de nouveau celle de l'annuaire" in page.text.replace("&#39;", "'")
    assert "Rendue à l'annuaire" in page.text.replace("&#39;", "'")
    assert mailbox(portal, UAI) is None


@pytest.mark.rule("R15")
def test_retry__without_a_mailbox_says_to_set_it(portal: Portal) -> None:
    client = portal.client(STAFF)
    csrf = form_to(client.get(f"{PLACE}/{UAI}/boite"), "/boite").fields["csrf"]
    answer = client.post(f"/rectorat/courriels/renvoyer/{BARE}", data={"csrf": csrf})
    assert answer.status_code == 422
    assert "Fixer d'abord la boîte" in answer.text
    assert client.post("/rectorat/courriels/renvoyer/0319999Z", data={"csrf": csrf}).status_code == 404


@pytest.mark.rule("R5", "R25")
def test_declare__at_the_establishment_s_request(portal: Portal) -> None:
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/{UAI}/declarer"), "/declarer")
    mute = send(client, form)
    assert mute.status_code == 422
    assert "Rien n'a été enregistré" in mute.text
    typed = {
        "nom": "Durand", "prenom": "Alice", "mail": "a.durand@ac-toulouse.fr",
        "behalf_who": "Mme Roux, principale", "behalf_how": "telephone",
    }  # fmt: skip
    assert send(client, form, **typed | {"mail": "faux"}).status_code == 422
    with portal.app.database.read() as connection:
        assert connection.execute(select(REQUEST.c.reference)).all() == []
    done = client.post(form.action, data=form.fields | typed, follow_redirects=False)
    assert done.headers["location"] == "/rectorat/demandes/ODA-2027-00001"
    with portal.app.database.read() as connection:
        row = connection.execute(select(REQUEST)).one()
    assert (row.uai, row.nom, row.acted_on_behalf != "") == (UAI, "Durand", True)


@pytest.mark.rule("R2")
def test_reader__changes_nothing(portal: Portal) -> None:
    reader = portal.client(DRANE)
    assert forms_of(reader.get(f"{PLACE}/{UAI}")) == []
    for place in ("boite", "boite/annuaire", "declarer"):
        assert reader.get(f"{PLACE}/{UAI}/{place}").status_code == 403
        answer = reader.post(f"{PLACE}/{UAI}/{place}", data={"address": "a@b.fr", "why": "non"})
        assert answer.status_code == 403
    assert mailbox(portal, UAI) is None
