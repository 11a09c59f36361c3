"""A form sent again after « back », with other answers: the person is led to what its first sending did (R10)."""

from collections.abc import Callable

import pytest

from states import commands as c
from states.vocabulary import RevokeReason
from tests.kit.html_forms import form_to, send
from tests.kit.portal import CHEF, STAFF, Portal
from workflow.auth.sessions import SessionUser

pytestmark = pytest.mark.rule("R10")

RUPN = {"prenom": "Claire", "nom": "Martn", "mail": "claire.martn@ac-toulouse.fr"}
ON_BEHALF = {"behalf_who": "Mme Faure, principale", "behalf_how": "telephone", "behalf_when": "2026-09-14"}


def _declaration(_: Portal) -> str:
    return "/etablissement/declarer"


def _delegation(portal: Portal) -> str:
    return f"/etablissement/demandes/{portal.declared()}/delegation"


def _on_behalf(_: Portal) -> str:
    return "/rectorat/etablissements/0310001H/declarer"


def _check(portal: Portal) -> str:
    return f"/rectorat/demandes/{portal.submitted()}/verifier-liste"


CHECKED = {"outcome": "positive", "checked_on": "2026-09-14"}


@pytest.mark.parametrize(
    ("session_user", "place", "first", "changed"),
    [
        (CHEF, _declaration, RUPN, {"nom": "Martin"}),
        (CHEF, lambda _: "/etablissement/demande-complete",
         RUPN | {"made_on": "2026-09-14", "signed_on": "2026-09-14", "why_reason": "several_sites"}, {"nom": "Martin"}),
        (CHEF, _delegation, {"why_reason": "other", "why": "accueil", "made_on": "2026-09-14"},
         {"why": "accueil des familles"}),
        (STAFF, _on_behalf, RUPN | ON_BEHALF, {"nom": "Martin"}),
        (STAFF, _check, CHECKED | {"source": "liste du 1er"}, {"source": "liste du 2"}),
    ],
    ids=["declare", "whole", "delegate", "on behalf", "check"],
)  # fmt: skip
def test_again__with_other_answers_leads_to_what_the_first_sending_did(
    portal: Portal, session_user: SessionUser, place: Callable[[Portal], str], first: dict[str, str],
    changed: dict[str, str],
) -> None:  # fmt: skip
    client, path = portal.client(session_user), place(portal)
    form = form_to(client.get(path), path)
    done = send(client, form, **first)
    assert done.status_code == 200, done.text
    again = send(client, form, **first | changed)
    assert again.status_code == 422
    assert "Vous aviez déjà envoyé ce formulaire" in again.text
    assert f'href="{session_user_home(session_user)}/demandes/ODA-2027-00001"' in again.text
    for ours in ("clé d'action", "R10", "Rien n'a été enregistré"):
        assert ours not in again.text
    if path.endswith("/delegation"):
        assert "l'envoyer de nouveau" not in again.text, "there is nothing left to delegate"
        return
    returned_form = form_to(again, path)
    assert returned_form.fields["key"] not in ("", form.fields["key"])
    ((name, value),) = changed.items()
    assert returned_form.fields[name] == value
    assert send(client, form, **first).status_code == 200, "the very same answers are still the same action"


def session_user_home(session_user: SessionUser) -> str:
    return "/etablissement" if session_user.is_establishment else "/rectorat"


def test_again__a_batch_with_other_answers_says_what_became_of_each_request(portal: Portal) -> None:
    """Under one form's key, other answers are another action: who changed the request meanwhile is said (R9)."""
    reference, client = portal.submitted(), portal.client(STAFF)
    form = form_to(client.get(f"/rectorat/lot?action=verifier-liste&ref={reference}"), "/verifier-liste")
    send(client, form, **CHECKED, source="liste du 1er")
    for _ in range(2):
        again = send(client, form, **CHECKED, source="liste du 2")
        assert "clé d'action" not in again.text
        assert "(R9)" in again.text


def test_again__removals_with_other_answers_say_what_became_of_each(portal: Portal) -> None:
    reference, client = portal.issued(), portal.client(STAFF)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    form = form_to(client.get(f"/rectorat/retraits/confirmer?choix={reference}"), "/confirmer")
    assert send(client, form, outcome="removed").status_code == 200
    again = send(client, form, outcome="absent")
    assert "clé d'action" not in again.text
    assert "déjà" in again.text


def test_again__another_choice_of_last_years_rupn_is_another_action(portal: Portal) -> None:
    first, second = portal.ended_last_year(1, 2)
    client = portal.client(CHEF)
    form = form_to(client.get("/etablissement/reprendre"), "/reprendre")
    assert "1 RUPN est repris pour 2026-2027" in send(client, form, choix=[first]).text
    assert "1 RUPN est repris pour 2026-2027" in send(client, form, choix=[second]).text
    assert "clé d'action" not in send(client, form, choix=[first, second]).text


@pytest.mark.rule("R7")
def test_errors__are_all_told_at_once(portal: Portal) -> None:
    """What is missing does not hide what is wrong beside it, nor lose it."""
    client = portal.client(CHEF)
    form = form_to(client.get("/etablissement/demande-complete"), "/demande-complete")
    wrong = {"prenom": "", "nom": "Martin 3", "mail": "claire", "made_on": "2027-01-01", "signed_on": "2020-01-01"}
    page = send(client, form, **wrong)
    assert page.status_code == 422
    for name in wrong:
        assert f'<li><a href="#{name}">' in page.text, name
    returned_form = form_to(page, "/demande-complete")
    assert returned_form.fields | wrong == returned_form.fields
