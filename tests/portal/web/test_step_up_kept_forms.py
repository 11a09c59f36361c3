"""What a person typed survives the end of its session: kept, given back to them alone, never executed by itself."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from portal.web.step_up import KEPT_FORM
from tests.kit.html_forms import HtmlForm, form_to, send
from tests.kit.portal import CHEF, DEPUTY, STAFF, Portal
from workflow.auth.kept_forms import LARGEST
from workflow.auth.sessions import SessionUser
from workflow.database.access_tables import KEPT_FORMS, SESSIONS
from workflow.database.tables import REQUEST

pytestmark = pytest.mark.rule("R73")

RUPN = {"prenom": "Claire", "nom": "Martin", "mail": "claire.martin@ac-toulouse.fr"}
DECLARE = "/etablissement/declarer"


def opened(portal: Portal, path: str = DECLARE, session_user: SessionUser = CHEF) -> tuple[TestClient, HtmlForm]:
    client = portal.client(session_user)
    return client, form_to(client.get(path), path)


def signed_in_again(portal: Portal, client: TestClient, session_user: SessionUser = CHEF) -> None:
    client.cookies.delete(portal.context.cookie)
    client.cookies.set(portal.context.cookie, portal.secret(session_user))


def kept_count(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(KEPT_FORMS)).scalar_one()


def requests_count(portal: Portal) -> int:
    with portal.app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(REQUEST)).scalar_one()


def end_sessions(portal: Portal) -> None:
    with portal.app.database.write() as connection:
        connection.execute(update(SESSIONS).values(ended_at=portal.clock.now()))


def test_kept__a_form_comes_back_filled_to_who_signs_in_again(portal: Portal) -> None:
    client, form = opened(portal)
    portal.clock.advance(hours=11)
    sent = send(client, form, **RUPN)
    assert str(sent.url).endswith(f"/connexion?suite={KEPT_FORM}")
    assert "Ce que vous avez tapé est gardé" in sent.text
    portal.clock.advance(hours=12)
    portal.app.ticker.tick()
    signed_in_again(portal, client)
    for _ in range(2):
        back = client.get(KEPT_FORM)
        assert back.status_code == 200
        assert "Voici ce que vous aviez tapé" in back.text
        assert "Erreur" not in back.text
        returned_form = form_to(back, DECLARE)
        assert returned_form.fields | RUPN == returned_form.fields
    assert requests_count(portal) == 0, "it was only shown"
    done = send(client, returned_form)
    assert done.status_code == 200
    assert requests_count(portal) == 1


def test_kept__is_given_back_to_the_same_person_in_the_same_browser_alone(portal: Portal) -> None:
    client, form = opened(portal)
    end_sessions(portal)
    send(client, form, **RUPN)
    elsewhere = portal.client(CHEF)
    assert str(elsewhere.get(KEPT_FORM).url).endswith("/etablissement")
    for other in (DEPUTY, STAFF):
        signed_in_again(portal, client, other)
        page = client.get(KEPT_FORM)
        assert RUPN["mail"] not in page.text
        assert not str(page.url).endswith(KEPT_FORM)
    with portal.app.database.read() as connection:
        stored = str(connection.execute(select(KEPT_FORMS)).all())
    assert "Martin" not in stored, "it is encrypted by what the browser alone has"
    signed_in_again(portal, client)
    assert RUPN["mail"] in client.get(KEPT_FORM).text


def test_kept__a_day_and_no_longer(portal: Portal) -> None:
    client, form = opened(portal)
    end_sessions(portal)
    send(client, form, **RUPN)
    portal.clock.advance(hours=24, minutes=1)
    signed_in_again(portal, client)
    assert str(client.get(KEPT_FORM).url).endswith("/etablissement")
    portal.app.ticker.tick()
    assert kept_count(portal) == 0


def test_kept__one_form_a_session_of_a_bounded_size(portal: Portal) -> None:
    client, form = opened(portal)
    end_sessions(portal)
    for nom in ("Martin", "Durand"):
        send(client, form, **RUPN | {"nom": nom})
    assert kept_count(portal) == 1
    other, form = opened(portal)
    end_sessions(portal)
    assert "Ce que vous avez tapé" not in send(other, form, **RUPN, autre="x" * LARGEST).text
    assert kept_count(portal) == 1


@pytest.mark.parametrize("wrong", [{"csrf": ""}, {"csrf": "00" * 64}, {"prenom": "", "nom": "", "mail": ""}])
def test_kept__nothing_of_a_form_that_no_page_sent_or_in_which_nothing_is_typed(
    portal: Portal, wrong: dict[str, str]
) -> None:
    client, form = opened(portal)
    form.fields = {name: text for name, text in form.fields.items() if name in ("csrf", "key", "uai")}
    end_sessions(portal)
    answer = send(client, form, **RUPN | wrong)
    assert "Ce que vous avez tapé" not in answer.text
    assert kept_count(portal) == 0


@pytest.mark.rule("R60")
def test_kept__a_code_never_is(portal: Portal) -> None:
    reference = portal.issued()
    path = f"/rectorat/demandes/{reference}/reemettre"
    client, form = opened(portal, path, STAFF)
    end_sessions(portal)
    sent = send(client, form, code="Zz98Yy76", reason="lost", why="clé perdue")
    assert str(sent.url).endswith(f"/connexion/rectorat?suite={KEPT_FORM}")
    kept_form = portal.context.kept_forms.find(client.cookies[portal.context.kept_cookie], STAFF)
    assert kept_form is not None
    assert "Zz98Yy76" not in str(kept_form)
    signed_in_again(portal, client, STAFF)
    back = client.get(KEPT_FORM)
    assert "Zz98Yy76" not in back.text
    assert "Le code, lui, n'est jamais gardé" in back.text


def test_kept__a_form_of_a_former_session_is_shown_again_at_once(portal: Portal) -> None:
    """Signed in again in another tab: the page that stayed open bears the token of a session that is no more."""
    client, form = opened(portal)
    signed_in_again(portal, client)
    assert send(client, form, **RUPN).status_code == 409, "nothing tells that one of our pages sent it"
    headers = {"Sec-Fetch-Site": "same-origin"}
    page = client.post(form.action, data=form.fields | RUPN, headers=headers)
    assert page.status_code == 200
    assert "Voici ce que vous aviez tapé" in page.text
    assert requests_count(portal) == 0
    assert send(client, form_to(page, DECLARE)).status_code == 200
    assert requests_count(portal) == 1


REMOVALS = "/rectorat/retraits/fichier"


def test_kept__pasted_lines_and_the_name_of_a_file(portal: Portal) -> None:
    """What was typed beside a file comes back; a file does not, and its name is told."""
    client, form = opened(portal, REMOVALS, STAFF)
    end_sessions(portal)
    typed = form.fields | {"lignes": "ODA-2027-00001\nODA-2027-00002", "outcome": "absent"}
    file = {"fichier": ("retraits de mai.csv", b"x" * 200_000, "text/csv")}
    sent = client.post(REMOVALS, data=typed, files=file)
    assert "Ce que vous avez tapé est gardé" in sent.text
    signed_in_again(portal, client, STAFF)
    back = client.get(KEPT_FORM)
    assert back.status_code == 200
    assert "choisir de nouveau « retraits de mai.csv »" in back.text.replace("\u00a0", " ").replace("\u202f", " ")
    assert "ODA-2027-00002</textarea>" in back.text
    assert form_to(back, REMOVALS).fields["outcome"] == "absent"


def test_kept__no_large_body_of_a_stranger_is_read(portal: Portal) -> None:
    client, form = opened(portal, REMOVALS, STAFF)
    client.cookies.delete(portal.context.cookie)
    client.cookies.set(portal.context.cookie, "00" * 32)
    sent = client.post(REMOVALS, data=form.fields, files={"fichier": ("a.csv", b"x" * 200_000, "text/csv")})
    assert "Ce que vous avez tapé" not in sent.text
    assert kept_count(portal) == 0
