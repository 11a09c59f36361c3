"""/rectorat/chiffres: ten requests made by hand, counted by a few lines of SQL, and read on every support (R99)."""

import csv
import re
from datetime import date, datetime
from html import unescape
from io import BytesIO, StringIO
from typing import Any

import pypdf
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import delete, text, update

from notifications.outbox.store import MAILS
from states import commands as c
from states.vocabulary import ReissueReason, RevokeReason, Role, WithdrawReason
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, PARIS, STAFF, Portal
from workflow.auth.sessions import SessionUser
from workflow.database.journal_tables import NOTE

pytestmark = pytest.mark.rule("R99")

PLACE = "/rectorat/chiffres"
LYCEE = SessionUser(role=Role.CHEF, subject="0310002J", name="Zoé Blanc")
EARLY, LATE = date(2026, 10, 2), date(2026, 11, 20)
DATES = f"jour={LATE}&comparer={EARLY}"

AT = {
    "sqlite": "datetime(e.at) < datetime('{day}', '+1 day', '-{hours} hours')",
    "postgresql": "e.at < ('{day}'::date + 1)::timestamp AT TIME ZONE 'Europe/Paris'",
}
DATA = {"sqlite": "json_extract(e.canonical, '$.data.{name}')", "postgresql": "e.canonical::json->'data'->>'{name}'"}
DAYS = {
    "sqlite": "CAST(julianday({to}) - julianday(date(b.at, '+2 hours')) AS INTEGER)",
    "postgresql": "({to})::date - (b.at AT TIME ZONE 'Europe/Paris')::date",
}


def ten_requests(portal: Portal) -> None:
    """Made from September on: one step or another, in two départements; one code twice, one key gone, one given up."""

    def on(month: int, day: int) -> None:
        portal.clock.set(datetime(2026, month, day, 10, tzinfo=PARIS))

    on(9, 15)
    first, second = portal.issued(1, code="Ab12Cd31"), portal.issued(2, code="Ab12Cd32")
    third = portal.checked(3, OTHER_CHEF)
    portal.declared(4, LYCEE)
    on(9, 18)
    handed(portal, first, CHEF)
    fifth = portal.submitted(5, LYCEE)
    on(9, 29)
    handed(portal, second, CHEF)
    portal.do(c.IssueCode(reference=third, code=c.Code(clear="Ab12Cd33")), STAFF)
    on(10, 5)
    portal.do(c.Revoke(reference=first, reason=RevokeReason.DEPARTURE), STAFF)
    portal.do(c.ReissueCode(reference=second, code=c.Code(clear="Ef12Cd32"), reason=ReissueReason.LOST), STAFF)
    handed(portal, third, OTHER_CHEF)
    on(10, 20)
    portal.issued(6, OTHER_CHEF, code="Ab12Cd36")
    portal.submitted(7)
    portal.declared(8)
    portal.do(c.Withdraw(reference=fifth, reason=WithdrawReason.NOT_NEEDED), LYCEE)
    on(11, 2)
    portal.submitted(9, OTHER_CHEF)
    tenth = portal.issued(10, LYCEE, code="Ab12Cd30")
    on(11, 20)
    handed(portal, tenth, LYCEE)


def handed(portal: Portal, reference: str, chef: SessionUser) -> None:
    with portal.app.database.write() as connection:
        waiting = MAILS.c.stage.in_(("pending", "retry"))
        connection.execute(update(MAILS).where(waiting).values(stage="sent", next_attempt_at=None))
    today = portal.app.policy.calendar.today(portal.clock.now())
    portal.do(c.ConfirmHandover(reference=reference, handed_on=today), chef)


def counted(portal: Portal, backend: str, day: date) -> dict[str, Any]:
    """The whole académie at the end of a day, from the events alone."""
    hours = 2 if day < date(2026, 10, 25) else 1
    until, data = AT[backend].format(day=day, hours=hours), DATA[backend].format(name="handed_on")
    last = f"""SELECT e.stream, e.to_state FROM event e JOIN (SELECT stream, MAX(seq) AS seq FROM event e
        WHERE stream <> 'installation' AND {until} GROUP BY stream) l ON l.stream = e.stream AND l.seq = e.seq"""
    births = "SELECT b.stream, b.at FROM event b WHERE b.seq = 1 AND b.stream <> 'installation'"
    first = f"SELECT stream, MIN(seq) AS seq FROM event e WHERE kind = 'confirm_handover' AND {until} GROUP BY stream"
    days = f"""SELECT {DAYS[backend].format(to=data)} FROM event e JOIN ({first}) f ON f.stream = e.stream
        AND f.seq = e.seq JOIN ({births}) b ON b.stream = e.stream ORDER BY 1"""
    places = f"""SELECT COUNT(DISTINCT r.uai) FROM ({last}) s JOIN delegation_request r ON r.reference = s.stream
        WHERE s.to_state <> 'revoked'"""
    with portal.app.database.read() as connection:
        states = connection.execute(text(f"SELECT to_state, COUNT(*) FROM ({last}) s GROUP BY to_state")).all()
        delays = list(connection.execute(text(days)).scalars())
        return {"states": dict(map(tuple, states)), "delays": delays,
                "establishments": connection.execute(text(places)).scalar_one()}  # fmt: skip


def tables(html: str) -> dict[str, list[list[str]]]:
    """The page's tables, as texts, by their captions."""
    contents = {}
    for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
        rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr>.*?</tr>", table)]
        (caption,) = re.findall(r"<caption>(.*?)</caption>", table)
        contents[plain(caption)] = [[plain(cell) for cell in row] for row in rows]
    return contents


def plain(html: str) -> str:
    words = unescape(re.sub(r"<[^>]+>", "", html)).replace("\N{NO-BREAK SPACE}", " ")
    return words.replace("\N{NARROW NO-BREAK SPACE}", " ").strip()


def test_figures__ten_requests_are_the_same_in_sql_on_the_page_the_pdf_and_the_workbook(
    portal: Portal, backend: str
) -> None:
    ten_requests(portal)
    early, late = counted(portal, backend, EARLY), counted(portal, backend, LATE)
    assert (early["delays"], late["delays"]) == ([3, 14], [3, 14, 18, 20])  # our own hand: so is the SQL
    reader = portal.client(DRANE)
    page = tables(reader.get(f"{PLACE}?{DATES}").text)
    names = [row[0] for row in page["Établissements qui ont un RUPN déclaré"]]
    assert names == ["Département", "Aveyron", "Haute-Garonne", "Académie"]
    declared = page["Établissements qui ont un RUPN déclaré"][-1]
    assert declared[1:3] == [str(early["establishments"]), str(late["establishments"])] == ["3", "3"]
    assert declared[3:] == ["4", "75 %"]
    keys = page["Codes remis et clés en service"][-1]
    assert keys[1:3] == [str(len(early["delays"])), str(len(late["delays"]))] == ["2", "4"]
    assert page["Délai de la déclaration à la remise du code"][-1][1:] == [
        "8,5 jours", "16 jours", "14 jours", "20 jours"
    ]  # fmt: skip
    for sheet, day in ((late["states"], LATE), (early["states"], EARLY)):
        row = page[f"Par état au {day:%d/%m/%Y}, demandes de 2026-2027"][-1]
        order = ("declared", "delegated", "charter_signed", "requested", "code_issued", "revoked")
        assert row[1:] == [*(str(sheet.get(state, 0)) for state in order), "0", str(sum(sheet.values()))]
    same_in_files(reader, page)


def same_in_files(reader: Any, page: dict[str, list[list[str]]]) -> None:
    """Every cell of every table of the page, in the workbook, the CSV and the PDF."""
    workbook = CalamineWorkbook.from_filelike(BytesIO(reader.get(f"{PLACE}/export?{DATES}&format=xlsx").content))
    sheets = [workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names]
    assert len(sheets) == len(page) >= 8
    for name, sheet in zip(workbook.sheet_names, sheets, strict=True):
        (rows,) = [rows for title, rows in page.items() if title.replace("/", "-")[:26] == name[:26]]
        assert [[as_text(cell) for cell in row] for row in sheet] == [[number(cell) for cell in row] for row in rows]
    lines = list(csv.reader(StringIO(reader.get(f"{PLACE}/export?{DATES}&format=csv").content.decode("utf-8-sig")),
                            delimiter=";"))  # fmt: skip
    for title, rows in page.items():
        start = next(rank for rank, line in enumerate(lines) if line == [title])
        assert [[number(cell) for cell in map(plain, line)] for line in lines[start + 1 : start + 1 + len(rows)]] == [
            [number(cell) for cell in row] for row in rows
        ], title
    pdf = pypdf.PdfReader(BytesIO(reader.get(f"{PLACE}/chiffres.pdf?{DATES}").content))
    printed = " ".join(plain(" ".join(sheet.extract_text() for sheet in pdf.pages)).split())
    for title, rows in page.items():
        for row in rows[1:]:
            assert " ".join(row) in printed, (title, row)


def number(words: str) -> str:
    """A cell less its unit: what a spreadsheet keeps of it."""
    if words == "–":
        return ""
    match = re.fullmatch(r"([\d ]+(?:,\d+)?)( %)?(?: jours?)?", words)
    if not match:
        return words
    value = float(match[1].replace(" ", "").replace(",", "."))
    return f"{round(value / 100, 3) if match[2] else value:g}"


def as_text(cell: Any) -> str:
    """A cell of the workbook; a percentage is a share of 1 there."""
    if isinstance(cell, float):
        return f"{round(cell, 3):g}"
    return str(cell)


def test_page__shows_charts_without_a_script_and_says_what_they_show(portal: Portal) -> None:
    ten_requests(portal)
    html = portal.client(DRANE).get(f"{PLACE}?{DATES}").text
    assert html.count('class="oda-chart"') == 2
    assert "style=" not in html.partition("<main")[2]
    for picture in re.findall(r'<svg[^>]*class="oda-chart".*?</svg>', html, re.DOTALL):
        assert "<title>" in picture
        assert "<desc>" in picture
        assert 'role="img"' in picture
    assert "Haute-Garonne : 2 puis 2" in html
    assert "Aucun objectif n'est réglé" in html


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 200, "Rien à compter le 14 septembre 2026"),
        ("jour=2026-09-15", 422, "est à venir"),
        ("jour=12 brumaire", 422, "12 brumaire"),
        ("comparer=1999-12-31", 422, "hors limites"),
        ("annee=2026-2028", 422, "n'est pas une année scolaire"),
        ("annee=2025-2026", 200, "Rien à compter le 31 août 2026"),
    ],
)
def test_page__says_what_there_is_not(portal: Portal, query: str, status: int, words: str) -> None:
    answer = portal.client(STAFF).get(f"{PLACE}?{query}")
    assert (answer.status_code, words in unescape(answer.text)) == (status, True)
    if status == 422:
        for file in ("export", "chiffres.pdf"):
            sent_back = portal.client(STAFF).get(f"{PLACE}/{file}?{query}")
            assert sent_back.status_code == 422
            assert words in unescape(sent_back.text)


def test_page__an_erased_person_is_still_counted(portal: Portal) -> None:
    handed(portal, portal.issued(1), CHEF)
    reader = portal.client(DRANE)
    before = tables(reader.get(PLACE).text)
    with portal.app.database.write() as connection:
        connection.execute(text("UPDATE delegation_request SET nom = '', prenom = '', mail = '', person = ''"))
        connection.execute(delete(NOTE))
    assert tables(reader.get(PLACE).text) == before


def test_dashboard__gives_the_main_figures_and_leads_to_the_page(portal: Portal) -> None:
    ten_requests(portal)
    html = portal.client(DRANE).get("/rectorat/tableau-de-bord").text
    assert f'href="{PLACE}"' in html
    assert re.search(r"<b>4</b> codes remis en main propre", html)
