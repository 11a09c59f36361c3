"""Codes in numbers by page: drawn in a batch, taken to the server, sent; or given by a file (R97, R98)."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from notifications.outbox.store import MAILS, SEALS
from states import commands as c
from states.vocabulary import Change, ReissueReason, Settlement
from tests.kit.html_forms import HtmlForm, form_to, send
from tests.kit.installation import OTHER_OPERATOR
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.kit.ready_requests import ready_requests
from workflow.auth.sessions import SessionUser
from workflow.database.journal_tables import EVENT
from workflow.database.tables import REPORT, REQUEST

DRAWN = "\ncode:\n  source: drawn\n  hold_seconds: 0\n"
OTHER = SessionUser(role=STAFF.role, subject=OTHER_OPERATOR)


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    with open_portal(tmp_path, database_url, settings=DRAWN) as portal:
        yield portal


@pytest.fixture
def client(portal: Portal) -> TestClient:
    return portal.client(STAFF)


def codes(portal: Portal) -> dict[str, str]:
    with portal.app.database.read() as connection:
        rows = connection.execute(select(SEALS).where(SEALS.c.ciphertext.is_not(None))).all()
    return {row.reference: portal.app.mailer.sealer.open(row.ciphertext, row.reference) for row in rows}


def code_mails(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return len(connection.execute(select(MAILS.c.id).where(MAILS.c.kind == "code_issued")).all())


def states(portal: Portal) -> set[str]:
    with portal.app.database.read() as connection:
        return set(connection.execute(select(REQUEST.c.state)).scalars())


def draw_all(client: TestClient) -> Response:
    """From the worklist to the batch, as an operator clicks: two clicks."""
    page = client.get("/rectorat")
    (button,) = re.findall(r'href="(/rectorat/lot\?action=tirer[^"]+)"', page.text)
    prepared = client.get(button.replace("&amp;", "&"))
    return send(client, form_to(prepared, "/lot/tirer"))


def buttons(page: Response) -> HtmlForm:
    return form_to(page, "/suite")


@pytest.mark.rule("R97", "R60")
def test_batch__from_the_worklist_to_the_mails(portal: Portal, client: TestClient) -> None:
    references = [portal.checked(1), portal.checked(2, OTHER_CHEF)]
    page = draw_all(client)
    assert "Lot n° 1 : 2 codes tirés" in page.text
    drawn = codes(portal)
    assert set(drawn) == set(references)
    assert states(portal) == {"requested"}
    html = client.get("/rectorat?etat=en-cours").text
    assert html.count("Code tiré, pas encore transmis") >= 2
    early = send(client, buttons(page), suite="toutes")
    assert "a téléchargé le fichier du lot n° 1 : ses codes ne peuvent pas être" in early.text
    assert code_mails(portal) == 0

    file = send(client, form_to(page, "/1/fichier"))
    assert file.headers["content-disposition"] == 'attachment; filename="codes-lot-1.csv"'
    assert file.headers["cache-control"] == "no-store"
    lines = file.content.decode("utf-8-sig").splitlines()[1:]
    assert {line.split(";")[0]: line.split(";")[-1] for line in lines} == drawn

    done = send(client, buttons(client.get("/rectorat/codes/1")), suite="toutes")
    assert "2 courriels vont partir" in done.text
    assert code_mails(portal) == 2
    assert states(portal) == {"code_issued"}
    for address in ("/rectorat", "/rectorat/codes", "/rectorat/codes/1", f"/rectorat/demandes/{references[0]}"):
        html = client.get(address).text
        assert not any(code in html for code in drawn.values()), address
    assert client.get("/rectorat/codes/1").text.count("clos") == 1
    assert client.get("/rectorat/codes/1/suite").url.path == "/rectorat/codes/1"


@pytest.mark.rule("R62", "R97", "R10")
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_batch__all_its_mails_taken_back_by_one_button_while_they_are_held(database_url: str, tmp_path: Path) -> None:
    with open_portal(tmp_path, database_url, settings=DRAWN.replace("hold_seconds: 0", "hold_seconds: 60")) as portal:
        client = portal.client(STAFF)
        portal.checked(1)
        portal.checked(2, OTHER_CHEF)
        for number in (1, 2):
            send(client, form_to(draw_all(client), f"/{number}/fichier"))
            done = send(client, buttons(client.get(f"/rectorat/codes/{number}")), suite="toutes")
            assert "2 courriels vont partir" in done.text
            assert states(portal) == {"code_issued"}
            form = form_to(done, "/annuler-envois")
            if number == 2:
                portal.clock.advance(seconds=61)
                assert "Aucun envoi annulé, 2 refusés" in html.unescape(send(client, form).text)
                assert states(portal) == {"code_issued"}
                continue
            for page in (send(client, form), send(client, form)):
                assert "2 envois annulés" in html.unescape(page.text)
            assert states(portal) == {"requested"}
            assert codes(portal) == {}


@pytest.mark.rule("R97", "R9", "R10")
def test_batch__two_operators_and_two_clicks(portal: Portal, client: TestClient) -> None:
    portal.checked(1)
    prepared = client.get("/rectorat/lot?action=tirer&portee=filtre&verifications=positives")
    form = form_to(prepared, "/lot/tirer")
    first, again = send(client, form), send(client, form)
    assert again.url.path == first.url.path == "/rectorat/codes/1"
    drawn = codes(portal)
    colleague = portal.client(OTHER)
    theirs = form_to(prepared, "/lot/tirer")
    theirs.fields["csrf"] = form_to(colleague.get("/rectorat/codes/1"), "/suite").fields["csrf"]
    refused = send(colleague, theirs)
    assert "changé" in refused.text or "déjà tiré" in refused.text
    assert STAFF.subject in refused.text
    assert codes(portal) == drawn

    page = client.get("/rectorat/codes/1")
    form = form_to(page, "/1/fichier")
    assert send(client, form).content == send(client, form).content, "a double click takes it once"
    other_page = colleague.get("/rectorat/codes/1")
    why = send(colleague, form_to(other_page, "/1/fichier"))
    assert why.status_code == 422
    assert f"déjà été téléchargé par {STAFF.subject}" in why.text
    assert send(colleague, form_to(why, "/1/fichier"), why="fichier refusé par la console").status_code == 200
    form = buttons(page)
    assert send(client, form, suite="toutes").text.count("1 courriel va partir") == 1
    assert "1 courriel va partir" in send(client, form, suite="toutes").text, "the same answer, nothing done twice"
    late = send(colleague, buttons(other_page), suite="toutes")
    assert "1 demande refusée" in late.text
    assert STAFF.subject in late.text
    assert code_mails(portal) == 1
    with portal.app.database.read() as connection:
        events = connection.execute(select(EVENT.c.canonical).where(EVENT.c.kind == "codes_downloaded")).scalars().all()
    assert len(events) == 3
    assert not any(code in event for code in drawn.values() for event in events)


@pytest.mark.rule("R97")
def test_batch__a_selection_then_what_failed(portal: Portal, client: TestClient) -> None:
    sent, failed, erased = portal.checked(1), portal.checked(2), portal.checked(3)
    page = draw_all(client)
    send(client, form_to(page, "/1/fichier"))
    page = client.get("/rectorat/codes/1")
    assert send(client, buttons(page), suite="toutes", ref=[failed]).status_code == 422, "which ones is unclear"
    assert send(client, buttons(page), suite="cochees").status_code == 422
    assert "1 courriel va partir" in send(client, buttons(page), suite="sauf", ref=[failed, erased]).text
    before = codes(portal)
    page = client.get("/rectorat/codes/1")
    assert "1 code effacé" in send(client, buttons(page), suite="effacer", ref=[erased]).text
    anew = send(client, buttons(client.get("/rectorat/codes/1")), suite="retirer", ref=[failed])
    assert "Lot n° 2 : 1 code tiré" in anew.text
    after = codes(portal)
    assert set(after) == {sent, failed}
    assert after[failed] != before[failed]
    assert code_mails(portal) == 1
    assert "Prête à émettre" in client.get("/rectorat?verifications=positives").text


@pytest.mark.rule("R97", "R6", "R14")
def test_batch__each_request_is_decided_for_itself(portal: Portal, client: TestClient) -> None:
    fine, without = portal.checked(1), portal.checked(2, OTHER_CHEF)
    portal.app.directory.set_mailbox("0120001X", "ce.autre@ac-toulouse.fr", "boîte changée", portal.actor(STAFF))
    page = draw_all(client)
    assert "Lot n° 1 : 1 code tiré" in page.text
    assert without in page.text
    assert "(R14)" in page.text
    assert set(codes(portal)) == {fine}


def test_batch__readers_see_and_do_nothing(portal: Portal, client: TestClient) -> None:
    portal.checked(1)
    page = draw_all(client)
    reader = portal.client(DRANE)
    view = reader.get("/rectorat/codes/1")
    assert view.status_code == 200
    assert "/suite" not in view.text
    form = form_to(page, "/1/fichier")
    assert reader.post(form.action, data=form.fields).status_code == 403
    assert portal.client(CHEF).get("/rectorat/codes/1").status_code == 403
    assert client.get("/rectorat/codes/9").status_code == 404
    assert client.post("/rectorat/codes/9/fichier", data=form.fields).status_code == 404


@pytest.mark.rule("R97")
def test_one__drawn_on_its_own_page(portal: Portal, client: TestClient) -> None:
    reference = portal.checked(1)
    page = client.get(f"/rectorat/demandes/{reference}")
    assert "Tirer un code" in page.text
    form = form_to(client.get(f"/rectorat/demandes/{reference}/tirer-un-code"), "/tirer-un-code")
    batch = send(client, form)
    assert batch.url.path == "/rectorat/codes/1"
    page = client.get(f"/rectorat/demandes/{reference}")
    assert "Code tiré, pas encore transmis" in page.text
    assert "Aller au lot n° 1" in page.text
    send(client, form_to(page, "/annuler-envoi"))
    assert codes(portal) == {}


@pytest.mark.rule("R97", "R44")
def test_report__that_a_new_code_answers_is_settled_by_one_that_is_drawn(portal: Portal, client: TestClient) -> None:
    reference = portal.issued(1)
    today = portal.app.policy.calendar.today(portal.clock.now())
    portal.do(c.ReportChange(reference=reference, change=Change.PIN_FORGOTTEN, effective_on=today), CHEF)
    page = client.get(f"/rectorat/demandes/{reference}/regler")
    assert "Nouveau code d'initialisation" not in html.unescape(page.text), "none is typed here"
    form = form_to(client.get(f"/rectorat/demandes/{reference}/tirer-un-code"), "/tirer-un-code")
    assert f"/rectorat/demandes/{reference}/tirer-un-code" in page.text
    assert form.fields["reason"] == ReissueReason.PIN_FORGOTTEN.value, "what was reported is chosen already"
    batch = send(client, form)
    send(client, form_to(batch, "/1/fichier"))
    send(client, buttons(batch), suite="toutes")
    with portal.app.database.read() as connection:
        assert connection.execute(select(REPORT.c.settlement)).scalar_one() == Settlement.REISSUED.value


@pytest.mark.rule("R97")
def test_clicks__three_hundred(portal: Portal, client: TestClient) -> None:
    """Four clicks from the worklist to 300 mails, where each code was typed (R97)."""
    ready_requests(portal, 300)
    page = draw_all(client)
    assert "Lot n° 1 : 300 codes tirés" in page.text
    assert send(client, form_to(page, "/1/fichier")).content.count(b"\r\n") == 301
    done = send(client, buttons(page), suite="toutes")
    assert "300 courriels vont partir" in done.text
    assert code_mails(portal) == 300


FILE = "référence;code\n"


def upload(client: TestClient, text: str, **fields: str) -> Response:
    form = form_to(client.get("/rectorat/codes/fichier"), "/codes/fichier")
    return client.post(form.action, data=form.fields | fields, files={"fichier": ("codes.csv", text.encode())})


@pytest.mark.rule("R98", "R60", "R91")
def test_file__each_line_checked_before_the_first_is_done(portal: Portal, client: TestClient) -> None:
    first, second, twice, same, late = (portal.checked(n) for n in range(1, 6))
    unready = portal.submitted(6)
    lines = [
        f"{first};Zx98Yw71", f"{second};Zx98Yw72", f"{twice};Zx98Yw73", f"{twice};Zx98Yw74", f"{same};Zx98Yw75",
        f"{late};Zx98Yw75", f"{unready};Zx98Yw76", "ODA-2027-09999;Zx98Yw77", f"{first[:-1]};Zx98Yw78", ";Zx98Yw79",
        "Zx98Yw80;ODA-2027-00001",
    ]  # fmt: skip
    page = upload(client, FILE + "\n".join(lines) + "\n")
    assert page.status_code == 200
    assert "2 codes à émettre, 9 lignes refusées" in page.text
    assert "Zx98Yw" not in page.text
    assert code_mails(portal) == 0
    with portal.app.database.read() as connection:
        assert "Zx98Yw" not in str(connection.execute(select(EVENT.c.canonical)).all())
    form = form_to(page, "/fichier/confirmer")
    done = send(client, form)
    assert "2 codes émis, 9 lignes refusées" in done.text
    assert "Zx98Yw" not in done.text
    assert codes(portal) == {first: "Zx98Yw71", second: "Zx98Yw72"}
    assert code_mails(portal) == 2
    again = send(client, form)
    assert again.status_code == 422
    assert "attend plus" in again.text
    assert code_mails(portal) == 2


@pytest.mark.rule("R98")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Choisir un fichier"),
        ("nom;prénom\nMartin;Claire\n", "une colonne « Référence » et une colonne « Code »"),
        ("référence;code\nODA-2027-00001;Zx98Yw71", "coupé"),
        ("référence;code\nODA-2027-00001;=Zx98Yw71\n", "formule"),
    ],
)
def test_file__unusable_says_why_and_no_code(client: TestClient, text: str, complaint: str) -> None:
    page = upload(client, text)
    assert page.status_code == 422
    assert complaint in page.text
    assert "Zx98Yw" not in page.text


@pytest.mark.rule("R98")
def test_file__without_titles_then_given_up(portal: Portal, client: TestClient) -> None:
    reference = portal.checked(1)
    page = upload(client, f"{reference};Zx98Yw71", entier="oui")
    assert "1 code à émettre" in page.text
    form = form_to(page, "/fichier/confirmer")
    client.post("/rectorat/codes/fichier/abandonner", data=form.fields)
    assert send(client, form).status_code == 422
    assert codes(portal) == {}
