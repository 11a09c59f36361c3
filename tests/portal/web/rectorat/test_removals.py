"""/rectorat/retraits: what is to be removed today, many confirmed at once, a result for each (R47 to R49)."""

import pytest
from sqlalchemy import event, select

from portal.web.rectorat import removals
from states import commands as c
from states.vocabulary import RemovalOutcome, RevokeReason
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import DRANE, OTHER_CHEF, STAFF, Portal
from workflow.database.tables import REMOVAL
from workflow.removals.tasks import RemovalFilters, list_removals

PLACE = "/rectorat/retraits"


def revoked(portal: Portal, number: int, *, issued: bool = True, chef: object = None) -> str:
    """A request whose rights are to be removed, or whose key may have been enabled."""
    session_user = {"session_user": chef} if chef else {}
    reference = portal.issued(number, **session_user) if issued else portal.checked(number, **session_user)  # type: ignore[arg-type]
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    return reference


def outcomes(portal: Portal) -> dict[str, str | None]:
    with portal.app.database.read() as connection:
        return {row.reference: row.outcome for row in connection.execute(select(REMOVAL))}


def queries_of_a_page(portal: Portal) -> int:
    """How many statements the list takes."""
    statements: list[object] = []
    app = portal.app

    def note(*args: object) -> None:
        statements.append(args)

    event.listen(app.database.engine, "before_cursor_execute", note)
    with app.database.read() as connection:
        list_removals(connection, RemovalFilters(), app.policy, app.mailer)
    event.remove(app.database.engine, "before_cursor_execute", note)
    return len(statements)


@pytest.mark.rule("R47", "R48")
def test_list__says_what_is_to_be_done_today_and_keeps_the_questions_apart(portal: Portal) -> None:
    removed, question = revoked(portal, 1), revoked(portal, 2, issued=False)
    client = portal.client(DRANE)
    first = client.get(PLACE).text
    assert removed in first
    assert question not in first
    assert "Retirer les droits de la clé." in first
    questions = client.get(f"{PLACE}?vue=questions").text
    assert question in questions
    assert "Regarder si une clé a été activée ; si oui : retirer les droits de la clé." in questions
    assert "14/09/2026" in first


@pytest.mark.rule("R48")
def test_list__a_key_that_serves_elsewhere_is_kept(portal: Portal) -> None:
    reference, other = portal.issued(1), portal.checked(1, OTHER_CHEF)
    portal.do(c.IssueCode(reference=other, extends=reference), STAFF)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    text = portal.client(STAFF).get(PLACE).text
    assert f"garder la clé (elle sert à {other})" in text


def test_list__asks_the_same_number_of_queries_for_one_line_and_for_many(portal: Portal) -> None:
    counts = []
    for batch in ((1,), (2, 3, 4)):
        for number in batch:
            revoked(portal, number)
        counts.append(queries_of_a_page(portal))
    assert counts[0] == counts[1]


def test_list__filters_and_pages(portal: Portal) -> None:
    mine, other = revoked(portal, 1), revoked(portal, 2, chef=OTHER_CHEF)
    client = portal.client(STAFF)
    for query in ("departement=012", "etablissement=0120001x"):
        text = client.get(f"{PLACE}?{query}").text
        assert other in text
        assert mine not in text
    assert "Rien à retirer" in client.get(f"{PLACE}?annee=2025-2026").text
    app = portal.app
    with app.database.read() as connection:
        first = list_removals(connection, RemovalFilters(), app.policy, app.mailer, limit=1)
        rest = list_removals(connection, RemovalFilters(), app.policy, app.mailer, limit=1, after=first.after)
    assert [line.request.reference for line in (*first.lines, *rest.lines)] == sorted([mine, other])
    assert rest.after is None


@pytest.mark.rule("R49")
def test_confirm__those_that_are_ticked_each_with_its_result(portal: Portal) -> None:
    first, second, third = revoked(portal, 1), revoked(portal, 2), revoked(portal, 3)
    client = portal.client(STAFF)
    page = client.get(f"{PLACE}/confirmer", params={"choix": [first, second]})
    assert "Confirmer 2 retraits" in page.text
    form = form_to(page, "/confirmer")
    mute = send(client, form)
    assert mute.status_code == 422
    assert "Dire ce qui a été fait" in mute.text
    done = send(client, form, outcome="removed")
    assert "2 retraits confirmés" in done.text
    assert outcomes(portal) == {first: "removed", second: "removed", third: None}
    again = send(client, form, outcome="removed")
    assert "déjà fait, rien n'est fait deux fois" in again.text
    listed = client.get(f"{PLACE}?vue=confirmes").text
    assert "Clé supprimée" in listed
    assert "op@ac-toulouse.fr" in listed
    app, confirmed = portal.app, RemovalFilters(confirmed=True)
    with app.database.read() as connection:
        page_one = list_removals(connection, confirmed, app.policy, app.mailer, limit=1)
        page_two = list_removals(connection, confirmed, app.policy, app.mailer, limit=1, after=page_one.after)
    assert [line.request.reference for line in (*page_one.lines, *page_two.lines)] == [second, first]
    assert page_two.after is None


@pytest.mark.rule("R49")
def test_confirm__what_is_refused_stops_no_other(portal: Portal) -> None:
    first, second = revoked(portal, 1), revoked(portal, 2)
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/confirmer", params={"choix": [first, second]}), "/confirmer")
    portal.do(c.ConfirmRemoval(reference=first, outcome=RemovalOutcome.ABSENT), STAFF)
    done = send(client, form, outcome="removed")
    assert "1 retrait confirmé, 1 refusé" in done.text
    assert outcomes(portal) == {first: "absent", second: "removed"}


def test_confirm__the_whole_list_beyond_the_page_in_slices(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "BATCH", 2)
    monkeypatch.setattr(removals, "SHOWN", 1)
    references = [revoked(portal, number) for number in range(1, 4)]
    other = revoked(portal, 4, chef=OTHER_CHEF)
    client = portal.client(STAFF)
    page = client.get(f"{PLACE}/confirmer?tout=oui&departement=31")
    assert "Confirmer 3 retraits" in page.text
    assert "Et 2 autres" in page.text
    send(client, form_to(page, "/confirmer"), outcome="expired")
    assert outcomes(portal) == dict.fromkeys(references, "expired") | {other: None}


@pytest.mark.rule("R2")
def test_reader__chooses_nothing(portal: Portal) -> None:
    reference = revoked(portal, 1)
    reader = portal.client(DRANE)
    assert [form.action for form in forms_of(reader.get(PLACE))] == [PLACE]
    assert reader.get(f"{PLACE}/confirmer?choix={reference}").status_code == 403
    answer = reader.post(f"{PLACE}/confirmer", data={"references": reference, "outcome": "removed"})
    assert answer.status_code == 403
    assert outcomes(portal) == {reference: None}


def test_empty_and_bad_input__are_explained(portal: Portal) -> None:
    client = portal.client(STAFF)
    assert "Rien à retirer" in client.get(PLACE).text
    assert "Aucune question ne se pose" in client.get(f"{PLACE}?vue=questions").text
    assert "Aucun retrait n'est choisi" in client.get(f"{PLACE}/confirmer").text
    for query, sentence in (
        ("departement=xyz", "code de département"), ("annee=2026", "année scolaire"), ("vue=autre", "trois listes"),
        ("vue=confirmes&suite=x", "première page"),
    ):  # fmt: skip
        answer = client.get(f"{PLACE}?{query}")
        assert answer.status_code == 422
        assert sentence in answer.text


@pytest.mark.rule("R49")
def test_confirm__each_as_its_line_says_and_none_that_changed(portal: Portal) -> None:
    alone, shared = revoked(portal, 1), portal.issued(2)
    elsewhere = portal.checked(2, OTHER_CHEF)
    portal.do(c.Revoke(reference=shared, reason=RevokeReason.DEPARTURE), STAFF)
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/confirmer", params={"choix": [alone, shared]}), "/confirmer")
    assert form.fields["references"] == f"{alone}:kept {shared}:kept"
    done = send(client, form, outcome="ligne")
    assert "2 retraits confirmés" in done.text
    assert outcomes(portal) == {alone: "kept", shared: "kept"}
    forged = send(client, form, references=f"{elsewhere}:removed x:y", outcome="ligne")
    assert forged.status_code == 422


@pytest.mark.rule("R49", "R47")
def test_confirm__a_question_has_no_answer_of_its_line(portal: Portal) -> None:
    reference = portal.checked(1)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    page = portal.client(STAFF).get(f"{PLACE}/confirmer", params={"choix": [reference]})
    assert "ce que dit sa ligne" not in page.text


@pytest.mark.rule("R49")
def test_reopen__one_or_many_after_a_mistake_with_a_reason(portal: Portal) -> None:
    first, second, third = revoked(portal, 1), revoked(portal, 2), revoked(portal, 3)
    client = portal.client(STAFF)
    form = form_to(client.get(f"{PLACE}/confirmer?tout=oui"), "/confirmer")
    done = send(client, form, outcome="removed")
    mute = send(client, form_to(done, "/rouvrir"))
    assert mute.status_code == 422
    assert "Rouvrir 3 retraits" in mute.text
    back = send(client, form_to(done, "/rouvrir"), why="confirmés par erreur")
    assert "3 retraits rouverts" in back.text
    assert outcomes(portal) == {first: None, second: None, third: None}
    send(client, form, outcome="removed")
    portal.do(c.ConfirmRemoval(reference=first, outcome=RemovalOutcome.ABSENT), STAFF)
    confirmed = client.get(f"{PLACE}?vue=confirmes")
    assert "Rouvrir ceux qui sont choisis" in confirmed.text
    page = client.get(f"{PLACE}/rouvrir", params={"choix": [first, second]})
    assert "Rouvrir 1 retrait" in page.text, "the other is not confirmed"
    send(client, form_to(page, "/rouvrir"), why="confirmé pour une autre")
    assert outcomes(portal)[first] is None
    history = client.get(f"/rectorat/demandes/{first}").text
    assert "Retrait des droits rouvert" in history
    assert "confirmé pour une autre" in history


@pytest.mark.rule("R2", "R49")
def test_reopen__is_for_operators(portal: Portal) -> None:
    reference = revoked(portal, 1)
    portal.do(c.ConfirmRemoval(reference=reference, outcome=RemovalOutcome.ABSENT), STAFF)
    reader = portal.client(DRANE)
    assert reader.get(f"{PLACE}/rouvrir?choix={reference}").status_code == 403
    assert reader.post(f"{PLACE}/rouvrir", data={"references": reference, "why": "x"}).status_code == 403
    assert "Rouvrir" not in reader.get(f"/rectorat/demandes/{reference}").text


def test_list__is_searched_by_name(portal: Portal) -> None:
    first, second = revoked(portal, 1), revoked(portal, 2)
    html = portal.client(STAFF).get(PLACE, params={"nom": "NOMC"}).text
    assert second in html
    assert first not in html
