"""Removals exported, and confirmed from a file: read first, then a result a line, on each database (R48, R49, R83)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import event

from notifications.rendering import renderer as exports
from portal.web import file_import
from portal.web.rectorat import removals
from states import commands as c
from states.vocabulary import RemovalOutcome, RevokeReason
from tests.kit.databases import fresh_url
from tests.kit.html_forms import form_to, forms_of, send
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, STAFF, Portal, open_portal
from tests.notifications.templates import folder_of
from tests.portal.web.rectorat.test_removals import PLACE, outcomes, revoked
from workflow.removals import files
from workflow.removals.tasks import RemovalFilters

FILE = f"{PLACE}/fichier"


def upload(client: TestClient, content: bytes = b"", **fields: str) -> Response:
    """The answer to a file, and to what is typed beside it."""
    form = form_to(client.get(FILE), "/fichier")
    data = {name: value for name, value in form.fields.items() if name != "fichier"} | fields
    return client.post(form.action, data=data, files={"fichier": ("retraits.csv", content, "text/csv")})


# --- export


@pytest.mark.rule("R48", "R83")
def test_export__what_the_filters_leave_as_a_reader_sees_it(portal: Portal) -> None:
    mine, other = revoked(portal, 1), revoked(portal, 2, chef=OTHER_CHEF)
    question = revoked(portal, 3, issued=False)
    reader = portal.client(DRANE)
    assert "Exporter pour le serveur ODA (1)" in reader.get(f"{PLACE}?departement=31").text
    answer = reader.get(f"{PLACE}/export?departement=31")
    assert answer.headers["content-disposition"] == 'attachment; filename="retraits.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    headings, line, end = answer.content.decode("utf-8-sig").split("\r\n")
    assert headings.startswith("À faire aujourd'hui;Nouvelle date d'expiration;Référence;UAI;Établissement;")
    assert line.startswith(
        f"Retirer les droits de la clé;;{mine};0310001H;Collège Jean-Jaurès;Colomiers;31;Nomb;Prénom;rupn1@"
    )
    assert end == ""
    assert other in reader.get(f"{PLACE}/export?departement=12").text
    questions = reader.get(f"{PLACE}/export?vue=questions").text
    assert question in questions
    assert "Regarder si une clé a été activée ; si oui : retirer les droits de la clé" in questions
    assert mine not in questions


@pytest.mark.rule("R48", "R83")
def test_export__what_is_to_be_done_is_that_of_the_day(portal: Portal) -> None:
    reference, other = portal.issued(1), portal.checked(1, OTHER_CHEF)
    portal.do(c.IssueCode(reference=other, extends=reference), STAFF)
    portal.do(c.Revoke(reference=reference, reason=RevokeReason.DEPARTURE), STAFF)
    client = portal.client(STAFF)
    later = client.get(f"{PLACE}/export").text
    assert f'"Retirer les droits de cet établissement, garder la clé";31/08/2027;{reference}' in later
    assert f";{other};" in later
    portal.do(c.Revoke(reference=other, reason=RevokeReason.DEPARTURE), STAFF)
    assert f"Retirer les droits de la clé;;{reference}" in client.get(f"{PLACE}/export").text


def test_export__nothing_or_wrong_filters_lead_back_to_the_list(portal: Portal) -> None:
    client = portal.client(STAFF)
    assert "Exporter pour le serveur ODA" not in client.get(PLACE).text
    assert client.get(f"{PLACE}/export").text.count("\n") == 1
    for query in ("vue=confirmes", "vue=autre", "departement=xyz", "annee=2026"):
        answer = client.get(f"{PLACE}/export?{query}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}?{query}")
    assert "Exporter pour le serveur ODA" not in client.get(f"{PLACE}?vue=confirmes").text


@pytest.fixture
def own(backend: str, tmp_path: Path) -> Iterator[Portal]:
    """A portal whose académie has its own form of export."""
    text = "{% for one in lines %}\nÉ|{{ one.reference }}|{{ one.rupn.nom }}|ł\n{% endfor %}\n"
    folder_of(tmp_path, {exports.REMOVALS: text})
    settings = (
        "templates:\n  directory: modeles\nremovals:\n  export:\n    filename: oda_lot.txt\n"
        "    media_type: text/plain\n    encoding: windows-1252\n    line_ends: lf\n"
    )
    with fresh_url(backend, tmp_path) as url, open_portal(tmp_path, url, settings=settings) as portal:
        yield portal


@pytest.mark.rule("R83", "R68")
def test_export__in_the_form_of_the_academie(own: Portal) -> None:
    reference = revoked(own, 1)
    client = own.client(STAFF)
    text = client.get(f"{PLACE}/export").text
    assert "1 cellule a des lettres que ce codage ne sait pas écrire, remplacées par les plus proches : ł → l" in text
    answer = client.get(f"{PLACE}/export?lettres=remplacer")
    assert answer.headers["content-disposition"] == 'attachment; filename="oda_lot.txt"'
    assert answer.headers["content-type"] == "text/plain; charset=windows-1252"
    assert answer.content == f"É|{reference}|Nomb|l\n".encode("windows-1252")


def test_export__page_after_page_with_as_many_queries_for_each(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    references = [revoked(portal, number) for number in range(1, 6)]
    statements = 0

    def note(*_: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(portal.app.database.engine, "before_cursor_execute", note)
    counts = []
    for page in (1, 5):
        monkeypatch.setattr(files, "PAGE", page)
        statements = 0
        content = b"".join(
            files.removals_file(
                portal.app.engine, portal.app.mailer, portal.app.settings.removals.export, RemovalFilters()
            )
        ).decode()
        assert [line.split(";")[2] for line in content.splitlines()[1:]] == references
        counts.append(statements)
    event.remove(portal.app.database.engine, "before_cursor_execute", note)
    assert counts[0] == 5 * counts[1]


# --- confirm from a file


@pytest.mark.rule("R49", "R83")
def test_file__is_read_first_then_confirmed_line_by_line(portal: Portal) -> None:
    first, second, third = (revoked(portal, number) for number in (1, 2, 3))
    client = portal.client(STAFF)
    assert FILE in client.get(PLACE).text
    text = (
        f"Référence;Résultat;Précision\n{first};Supprimée;vu à la console\n{second};;\n{third};zut;\nODA-2027-99999;;\n"
    )
    read = upload(client, text.encode("latin-1"), outcome="absent")
    assert read.status_code == 200
    assert "2 retraits à confirmer, 2 lignes écartées" in read.text
    assert "Clé supprimée : 1" in read.text
    assert "vu à la console" in read.text
    assert "Ligne 4" in read.text
    assert "« zut » n&#39;est pas compris" in read.text
    assert "Aucune demande ne porte la référence « ODA-2027-99999 »" in read.text
    assert outcomes(portal) == dict.fromkeys((first, second, third))  # nothing is done yet
    form = form_to(read, "/confirmer")
    done = send(client, form)
    assert "2 retraits confirmés" in done.text
    assert "2 lignes du fichier étaient écartées : rien n'y a changé" in done.text
    assert outcomes(portal) == {first: "removed", second: "absent", third: None}
    again = send(client, form)
    assert again.text.count("déjà fait, rien n'est fait deux fois") == 2
    assert outcomes(portal) == {first: "removed", second: "absent", third: None}
    confirmed = client.get(f"{PLACE}?vue=confirmes").text
    assert "Clé supprimée le 14 septembre 2026 à 10 h 00 par op@ac-toulouse.fr" in confirmed
    assert "Clé déjà absente du serveur ODA, constaté le 14 septembre 2026" in confirmed


@pytest.mark.rule("R83")
def test_file__somebody_vouches_for_one_that_looks_cut(portal: Portal) -> None:
    reference = revoked(portal, 1)
    client = portal.client(STAFF)
    content = f"référence;résultat;précision\n{reference};absente".encode()
    assert upload(client, content).status_code == 422
    assert "1 retrait à confirmer" in upload(client, content, entier="oui").text


@pytest.mark.rule("R49")
def test_file__what_the_rules_refuse_or_warn_of_is_told_before(portal: Portal) -> None:
    extended, alone = portal.issued(1), revoked(portal, 2)
    other = portal.checked(1, OTHER_CHEF)
    portal.do(c.IssueCode(reference=other, extends=extended), STAFF)
    portal.do(c.Revoke(reference=extended, reason=RevokeReason.DEPARTURE), STAFF)
    client = portal.client(STAFF)
    read = upload(client, lignes=f"{extended};supprimée\n{alone};gardée\n{other};absente")
    assert "2 retraits à confirmer, 1 ligne écartée" in read.text
    assert f"Attention : La clé de cette personne sert aussi ailleurs : {other}" in read.text


@pytest.mark.rule("R49")
def test_file__confirmed_meanwhile_is_refused_and_stops_no_other(portal: Portal) -> None:
    first, second = revoked(portal, 1), revoked(portal, 2)
    client = portal.client(STAFF)
    form = form_to(upload(client, lignes=f"{first}\n{second}", outcome="removed"), "/confirmer")
    portal.do(c.ConfirmRemoval(reference=first, outcome=RemovalOutcome.ABSENT), STAFF)
    done = send(client, form)
    assert "1 retrait confirmé, 1 refusé" in done.text
    assert "Le retrait est déjà confirmé" in done.text
    assert outcomes(portal) == {first: "absent", second: "removed"}
    read = upload(client, lignes=f"{first}\n{second}", outcome="removed").text
    assert "Aucun retrait à confirmer, 2 lignes écartées" in read
    assert "déjà confirmé : clé supprimée le 14 septembre 2026 à 10 h 00 par op@ac-toulouse.fr" in read


@pytest.mark.rule("R91", "R92")
@pytest.mark.parametrize("file_format", ["xlsx", "ods"])
def test_file__the_list_taken_away_as_a_workbook_is_understood(portal: Portal, file_format: str) -> None:
    first, second = revoked(portal, 1), revoked(portal, 2)
    client = portal.client(STAFF)
    content = client.get(f"{PLACE}/liste/export?format={file_format}").content
    answer = upload(client, content, outcome="removed").text
    assert "2 retraits à confirmer" in answer
    assert first in answer
    assert second in answer


@pytest.mark.parametrize(
    ("content", "typed", "complaint"),
    [
        (b"", "", "Choisir un fichier qui n&#39;est pas vide"),
        (b"ODA-2027-00001", "ODA-2027-00001", "ne garder que l&#39;un des deux"),
        (b"PK\x03\x04rest", "", "Ce classeur est abîmé"),
        (b"a\0b", "", "pas du texte"),
        (b"", "a\0b", "pas du texte"),
        (b"a" * 600_000, "", "dépasse 500 ko"),
        (b"a" * 1_500_000, "", "dépasse 500 ko"),
        (b"x\n" * 5001, "", "5001 lignes, 5000 au plus"),
        (
            b"ODA-2027-00001;absente",
            "",
            "sa dernière ligne (1) n&#39;a pas de fin. Le reprendre entier. S&#39;il est déjà entier, cocher",
        ),
        ("Référence;Précision;Résultat\nODA-2027-00001;absente\n".encode(), "", "la ligne 2 n&#39;a pas 3 cellules"),
        (b"", "Titre\nODA-2027-00001", "ni une référence, ni des titres"),
    ],
)
def test_file__what_cannot_be_read_is_told_and_changes_nothing(
    portal: Portal, content: bytes, typed: str, complaint: str
) -> None:
    answer = upload(portal.client(STAFF), content, lignes=typed)
    assert answer.status_code == 422
    assert "Rien n'a été lu" in answer.text
    assert complaint in answer.text


def test_file__a_body_too_large_to_be_thrown_away_is_refused(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import, "DRAINED", 1_000_000)
    assert upload(portal.client(STAFF), b"a" * 1_000_001).status_code == 413


@pytest.mark.parametrize(
    "lines", ["", "x", "[]", "{}", "[1]", '[[0, "A", "removed", ""]]', '[[1, "A", "burnt", ""]]', "[" * 100_000]
)
def test_file__lines_that_no_page_of_ours_made(portal: Portal, lines: str) -> None:
    client = portal.client(STAFF)
    form = form_to(client.get(FILE), "/fichier")
    data = {"csrf": form.fields["csrf"], "key": form.fields["key"], "lignes": lines}
    answer = client.post(f"{FILE}/confirmer", data=data)
    assert answer.status_code == 422
    assert "rien n&#39;est fait" in answer.text


@pytest.mark.rule("R83")
def test_file__the_export_comes_back_as_it_left(portal: Portal) -> None:
    references = [revoked(portal, number) for number in (1, 2)]
    client = portal.client(STAFF)
    read = upload(client, client.get(f"{PLACE}/export").content, outcome="removed")
    assert "2 retraits à confirmer" in read.text
    send(client, form_to(read, "/confirmer"))
    assert outcomes(portal) == dict.fromkeys(references, "removed")


def test_file__a_long_one_is_shown_in_part_and_confirmed_whole(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "SHOWN_LINES", 1)
    references = [revoked(portal, number) for number in (1, 2, 3)]
    client = portal.client(STAFF)
    read = upload(client, lignes="\n".join([*references, "x", "y"]), outcome="expired")
    assert "Et 2 autres." in read.text
    assert "Et 1 autre." in read.text
    done = send(client, form_to(read, "/confirmer"))
    assert "Et 2 autres." in done.text
    assert outcomes(portal) == dict.fromkeys(references, "expired")


@pytest.mark.rule("R2")
def test_file__a_reader_confirms_nothing(portal: Portal) -> None:
    reference = revoked(portal, 1)
    reader = portal.client(DRANE)
    assert "Confirmer depuis un fichier" not in reader.get(PLACE).text
    assert reader.get(FILE).status_code == 403
    assert reader.post(FILE, data={"lignes": reference, "outcome": "removed"}).status_code == 403
    assert reader.post(f"{FILE}/confirmer", data={"lignes": "[]"}).status_code == 403
    assert [form.action for form in forms_of(reader.get(PLACE))] == [PLACE]


# --- what was done, where it is read


@pytest.mark.rule("R49", "R3")
def test_done__is_told_to_the_operator_by_whom_and_to_the_chef_without(portal: Portal) -> None:
    removed, absent = revoked(portal, 1), revoked(portal, 2)
    other = portal.issued(3)
    portal.do(c.IssueCode(reference=portal.checked(3, OTHER_CHEF), extends=other), STAFF)
    portal.do(c.Revoke(reference=other, reason=RevokeReason.DEPARTURE), STAFF)
    for reference, outcome in ((removed, "removed"), (absent, "absent"), (other, "kept")):
        portal.do(c.ConfirmRemoval(reference=reference, outcome=RemovalOutcome(outcome)), STAFF)
    staff, chef = portal.client(STAFF), portal.client(CHEF)
    at = "14 septembre 2026 à 10 h 00"
    for reference, to_staff, to_chef in (
        (removed, f"Clé supprimée le {at} par op@ac-toulouse.fr", f"Droits retirés le {at} par le rectorat"),
        (absent, f"Clé déjà absente du serveur ODA, constaté le {at} par op@", "Plus aucun droit sur le serveur ODA"),
        (other, f"Droits retirés, clé gardée, confirmé le {at} par op@", f"Droits retirés le {at} par le"),
    ):
        assert to_staff in staff.get(f"/rectorat/demandes/{reference}").text
        page = chef.get(f"/etablissement/demandes/{reference}").text
        assert to_chef in page
        assert "op@ac-toulouse.fr" not in page[page.index("Retrait des droits") : page.index("Référence")]
        assert "gardée pour une autre" not in page
