"""What an operator does besides requests, by programs: removals, lists, codes, notes, the year's end, the journal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.databases import fresh_url
from tests.kit.portal import CHEF, DRANE, STAFF
from tests.portal.api.conftest import PREFIX, Api, Program, open_api

REFERENCE = "ODA-2027-00001"
PLACE = f"/requests/{REFERENCE}"
OF_RECTORAT = ("/removals", "/removals/export", "/year-end/preview", "/year-end/preview/establishments", "/calendar",
               "/figures", "/code-batches", "/lists/listing", "/establishments/0310001H/mailbox")  # fmt: skip
OF_OPERATORS = ("/security-journal", f"{PLACE}/notes", f"{PLACE}/assignment")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A request whose rights are to be removed; the services have their own tests on both databases."""
    folder: Path = tmp_path_factory.mktemp("rectorat")
    with fresh_url("sqlite", folder) as url, open_api(folder, url) as api:
        api.portal.issued()
        yield api


def sent(program: Program, path: str, content: bytes, kind: str = "text/csv", **query: str) -> dict[str, Any]:
    headers = program.headers | {"Content-Type": kind}
    answer = program.client.post(PREFIX + path, content=content, params=query or None, headers=headers)
    values: dict[str, Any] = {"status": answer.status_code} | answer.json()
    return values


@pytest.mark.rule("R2", "R3")
def test_doors__are_the_rectorats_or_operators_alone(api: Api) -> None:
    chef, reader, staff = api.program(CHEF), api.program(DRANE), api.program(STAFF)
    for path in (*OF_RECTORAT, *OF_OPERATORS):
        assert chef.get(path).status_code == 403, path
        assert staff.client.get(PREFIX + path, headers=staff.headers).status_code == 200, path
        expected = 403 if path in OF_OPERATORS else 200
        assert reader.client.get(PREFIX + path, headers=reader.headers).status_code == expected, path
    for path in ("/removals/confirmations", "/code-batches/1/done", f"{PLACE}/notes"):
        assert reader.post(path, {}).status_code == 403, path
    assert sent(reader, "/lists/listing/file", b"")["status"] == 403


@pytest.mark.rule("R88")
def test_colleagues__share_notes_and_who_handles_a_request(api: Api) -> None:
    staff = api.program(STAFF)
    assert staff.post(f"{PLACE}/notes", {"text": ""}).status_code == 422
    note = staff.do(f"{PLACE}/notes", {"text": "le chef rappelle jeudi"})
    assert staff.get(f"{PLACE}/notes").json()["items"] == [note]
    assignment = staff.client.put(f"{PREFIX}{PLACE}/assignment", headers=staff.headers).json()
    assert assignment["address"] == STAFF.subject
    for path in (f"{PLACE}/assignment", f"{PLACE}/notes/{note['number']}"):
        assert staff.client.delete(PREFIX + path, headers=staff.headers).status_code == 204
    assert staff.get(f"{PLACE}/assignment").json() == {"address": None, "until": None}
    assert staff.get(f"{PLACE}/notes").json()["items"] == []
    assert staff.get("/requests/ODA-2027-99999/notes").status_code == 404


@pytest.mark.rule("R53", "R86", "R99")
def test_forecasts__are_those_of_the_pages(api: Api) -> None:
    staff = api.program(STAFF)
    (year,) = staff.get("/year-end/preview").json()["years"]
    assert (year["school_year"], year["requests"], year["mails"]) == ("2026-2027", 1, {"year_end": 1})
    (place,) = staff.get("/year-end/preview/establishments").json()["items"]
    assert [ending["reference"] for ending in place["requests"]] == [REFERENCE]
    assert staff.get("/year-end/preview", on="1999-12-31").status_code == 422
    assert "year_end" in {scheduled["action"] for scheduled in staff.get("/calendar").json()["items"]}
    tables = {table["key"]: table for table in staff.get("/figures").json()["tables"]}
    assert all(row.keys() == table["columns"].keys() for table in tables.values() for row in table["rows"])
    assert staff.get("/figures", on="2090-01-01").json()["type"] == "urn:oda:refus:day_to_come"


def test_papers__are_pdf_without_any_code(api: Api) -> None:
    chef = api.program(CHEF)
    for paper in ("charter", "handover-slip", "first-connection"):
        answer = chef.client.get(f"{PREFIX}{PLACE}/{paper}.pdf", headers=chef.headers)
        assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-"), paper
    declared = api.portal.declared(2)
    assert chef.get(f"/requests/{declared}/handover-slip.pdf").json()["type"] == "urn:oda:refus:no_slip"


@pytest.mark.rule("R93")
def test_list__is_foreseen_then_put_in_force(api: Api) -> None:
    staff = api.program(STAFF)
    file = "UAI;Nom;Prénom;Courriel\n0310001H;Durand;Zoé;zoe.durand@ac-toulouse.fr\n".encode()
    assert sent(staff, "/lists/listing/file", b"rien")["type"] == "urn:oda:refus:bad_file"
    foreseen = sent(staff, "/lists/listing/file", file, list_date="2026-09-14")
    assert (foreseen["is_done"], foreseen["new"], foreseen["reasons"]) == (False, 1, [])
    assert staff.get("/lists/listing").json()["items"] == []
    assert sent(staff, "/lists/listing/file", file, list_date="2026-09-14", confirm="true")["is_done"] is True
    assert [item["rows"] for item in staff.get("/lists/listing").json()["items"]] == [1]
    assert sent(staff, "/lists/listing/file", b"{}", "application/json")["status"] == 415


@pytest.mark.rule("R83", "R49", "R108")
def test_removals__are_exported_read_back_and_confirmed_once(api: Api) -> None:
    staff = api.program(STAFF)
    staff.do(f"{PLACE}/revoke", {"reason": "departure"})
    (line,) = staff.get("/removals").json()["items"]
    assert (line["reference"], line["todo"]["action"], line["outcome"]) == (REFERENCE, "remove_rights", None)
    assert staff.get("/removals", after="x", confirmed=True).status_code == 422
    file = staff.client.get(f"{PREFIX}/removals/export", headers=staff.headers)
    assert REFERENCE in file.text
    assert file.headers["X-Replaced-Cells"] == "0"
    done = f"référence;résultat\n{REFERENCE};supprimée\nautre;supprimée\n".encode()
    understood = sent(staff, "/removals/file", done)
    assert [row["reference"] for row in understood["ready"]] == [REFERENCE]
    assert (len(understood["aside"]), understood["results"]) == (1, [])
    rows = {"rows": [{"reference": REFERENCE, "outcome": "removed"}]}
    first, again = (staff.post("/removals/confirmations", rows, "retraits-1").json() for _ in range(2))
    assert first == again
    assert [result["is_done"] for result in first["results"]] == [True]
    assert [line["outcome"] for line in staff.get("/removals", confirmed=True).json()["items"]] == ["removed"]
    events = staff.get("/security-journal", kind="exported").json()["items"]
    assert "retraits" in str(events[0]["details"])


@pytest.mark.rule("R97")
def test_batches__have_no_file_here_and_are_said_done(api: Api) -> None:
    staff = api.program(STAFF)
    assert staff.get("/code-batches").json()["items"] == []
    assert staff.get("/code-batches/1").json()["type"] == "urn:oda:refus:unknown_batch"
    for action in ("done", "erase"):
        assert staff.post(f"/code-batches/1/{action}", {"references": [REFERENCE]}).status_code == 404
    assert staff.get("/code-batches/1/file").status_code == 404
