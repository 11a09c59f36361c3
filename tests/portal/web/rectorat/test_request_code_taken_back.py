"""A code that was just typed is taken back in one tap; one that did not arrive leads to its mailbox (R40, R58, R62)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from notifications.outbox.store import MAILS, SEALS
from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, STAFF, Portal, open_portal

PLACE = "/rectorat/demandes/"
CODE = "Zq93Kx71"


def plain(text: str) -> str:
    return " ".join(text.replace("&#39;", "'").split())


@pytest.fixture
def holding_portal(tmp_path: Path, database_url: str) -> Iterator[Portal]:
    """A portal in which a code waits for a minute."""
    with open_portal(tmp_path, database_url, hold_seconds=60) as portal:
        yield portal


def mails_of(portal: Portal) -> list[tuple[str, str | None]]:
    with portal.app.database.read() as connection:
        rows = connection.execute(select(MAILS.c.stage, MAILS.c.fault).where(MAILS.c.seal_id.is_not(None)))
        return [(row.stage, row.fault) for row in rows]


def kept_codes(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return len(connection.execute(select(SEALS.c.id).where(SEALS.c.ciphertext.is_not(None))).all())


@pytest.mark.rule("R62")
def test_hold__says_when_it_leaves_and_takes_it_back_in_one_tap(holding_portal: Portal) -> None:
    reference = holding_portal.checked()
    client = holding_portal.client(STAFF)
    page = send(client, form_to(client.get(PLACE + reference), "/emettre"), code=f" {CODE[:4]} {CODE[4:]}\u00a0")
    assert "partira à 10 h 01 vers ce.0310001h@ac-toulouse.fr" in plain(page.text)
    back = send(client, form_to(page, "/annuler-envoi"))
    assert "L'envoi du code est annulé" in plain(back.text) or "l'envoi du code est annulé" in plain(back.text)
    assert form_to(back, "/emettre"), "the request is again to be issued"
    assert mails_of(holding_portal) == [("cancelled", "code_erased")]
    assert kept_codes(holding_portal) == 0
    again = send(client, form_to(back, "/emettre"), code="Autre123")
    assert "partira à 10 h 01" in plain(again.text)
    assert [stage for stage, _ in mails_of(holding_portal)] == ["cancelled", "pending"]
    chef = holding_portal.client(CHEF).get(f"/etablissement/demandes/{reference}")
    assert CODE not in chef.text


@pytest.mark.rule("R62")
def test_hold__is_over_after_its_minute_and_says_so(holding_portal: Portal) -> None:
    reference = holding_portal.checked()
    client = holding_portal.client(STAFF)
    page = send(client, form_to(client.get(PLACE + reference), "/emettre"), code=CODE)
    holding_portal.clock.advance(seconds=61)
    late = send(client, form_to(page, "/annuler-envoi"))
    assert late.status_code == 422
    assert "Le délai pour annuler l'envoi du code a pris fin" in plain(late.text)
    assert "« code erroné (erreur de saisie) »" in plain(late.text)
    page = client.get(PLACE + reference)
    assert not [form for form in forms_of(page) if form.action.endswith("/annuler-envoi")]
    assert mails_of(holding_portal) == [("pending", None)]


@pytest.mark.rule("R62")
def test_hold__of_a_code_issued_again_asks_for_another(holding_portal: Portal) -> None:
    reference = holding_portal.issued()
    holding_portal.clock.advance(days=2)
    with holding_portal.app.database.write() as connection:
        connection.execute(update(MAILS).values(stage="sent", next_attempt_at=None))
    client = holding_portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/reemettre"), "/reemettre")
    page = send(client, form, reason="typing_error", code=CODE)
    back = plain(send(client, form_to(page, "/annuler-envoi")).text)
    assert "l'envoi du nouveau code a été annulé : réémettre un code" in back.lower().replace("l’", "l'")
    assert "Code non remis" not in back, "nothing was lost on the way"


@pytest.mark.rule("R41")
def test_code__its_field_says_for_whom_and_in_which_form(holding_portal: Portal) -> None:
    reference = holding_portal.checked()
    page = plain(holding_portal.client(STAFF).get(PLACE + reference).text)
    assert "Code d'initialisation de Prénom Nomb" in page
    assert "4 à 16 lettres et chiffres, par exemple K7m4Rt9x" in page
    assert "60 secondes après l'envoi du formulaire, à ce.0310001h@ac-toulouse.fr" in page
    assert ">Envoyer le code</button>" in page
    assert "A-Za-z0-9" not in page


@pytest.mark.rule("R40", "R48")
def test_key_elsewhere__no_code_leaves_and_its_rights_alone_are_removed(portal: Portal) -> None:
    reference = portal.checked()
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}{reference}/cle-existante"), "/cle-existante")
    assert "code" not in form.fields
    page = plain(send(client, form).text)
    assert "sert aussi à une autre application" in page
    assert mails_of(portal) == []
    with portal.app.database.read() as connection:
        kinds = connection.execute(select(MAILS.c.kind).where(MAILS.c.reference == reference)).scalars().all()
    assert "key_extended" in kinds
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    assert "Aujourd'hui : Retirer les droits de la clé." in plain(client.get(PLACE + reference).text)


@pytest.mark.rule("R58")
def test_lost_code__leads_to_the_mailbox_first_then_to_its_mail(portal: Portal) -> None:
    reference = portal.issued()
    with portal.app.database.write() as connection:
        lost = {"stage": "dead", "fault": "recipient_refused", "next_attempt_at": None}
        connection.execute(update(MAILS).where(MAILS.c.seal_id.is_not(None)).values(lost))
        number = connection.execute(select(MAILS.c.id).where(MAILS.c.seal_id.is_not(None))).scalar_one()
    client = portal.client(STAFF)
    answer = client.get(PLACE + reference)
    page = plain(answer.text)
    assert '<p class="fr-badge fr-badge--error">Code non remis</p>' in page
    assert "fr-badge--green-emeraude" not in page
    first = page.index("Corriger la boîte de l'établissement")
    assert first < page.index(">Renvoyer le courriel</button>") < page.index("Réémettre le code")
    assert f'href="/rectorat/courriels/{number}">Voir le courriel</a>' in page
    send(client, form_to(answer, f"/courriels/{number}/renvoyer"))
    assert "Code non remis" not in plain(client.get(PLACE + reference).text)


@pytest.mark.rule("R62")
def test_hold__in_the_table_of_codes_each_is_taken_back_by_itself(holding_portal: Portal) -> None:
    first, second = holding_portal.checked(1), holding_portal.checked(2)
    client = holding_portal.client(STAFF)
    table = client.get(f"/rectorat/lot?action=emettre&portee=cochees&ref={first}&ref={second}")
    assert '<button type="submit" disabled hidden aria-hidden="true">' in table.text, "Enter sends nothing"
    form = form_to(table, "/lot/emettre")
    done = send(client, form, **{f"code-{first}": "Zq93 Kx71", f"code-{second}": "Autre123"})
    assert plain(done.text).count("Son courriel partira à 10 h 01.") == 2
    send(client, form_to(done, f"/{first}/annuler-envoi"))
    assert sorted(stage for stage, _ in mails_of(holding_portal)) == ["cancelled", "pending"]
    assert form_to(client.get(PLACE + first), "/emettre")
