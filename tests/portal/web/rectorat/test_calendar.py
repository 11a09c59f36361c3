"""/rectorat/calendrier: what the software will do, on how many requests, in words and in picture (R86)."""

import re
from datetime import date, datetime
from html import unescape

import pytest

from portal import calendar as agenda
from portal.web.rectorat import calendar as calendar_drawing
from states.school_calendar import DayKind, SchoolDays, SchoolYear
from tests.kit.portal import CHEF, DRANE, OTHER_CHEF, PARIS, STAFF, Portal
from workflow.schedule.upcoming import ScheduledAction, ScheduledDate

PLACE = "/rectorat/calendrier"


def words_of(html: str) -> str:
    """What is read, without the tags, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.rule("R86")
def test_page__each_date_its_figures_and_where_to_see_more(portal: Portal) -> None:
    portal.declared(1)
    portal.issued(2, OTHER_CHEF)
    answer = portal.client(DRANE).get(PLACE)
    said, page = words_of(answer.text), answer.text.replace("&amp;", "&")
    assert "Mardi 31 août À minuit, les demandes en cours de 2026-2027 sont révoquées : 2 demandes dans" in said
    assert "/rectorat/fin-d-annee/apercu?jour=2027-08-31" in page
    assert "Vendredi 2 juillet La fin de 2026-2027 est annoncée, 60 jours avant : 2 demandes dans" in said
    assert "/rectorat?etat=en-cours&annee=2026-2027" in page
    assert "Mardi 1er juin Les déclarations pour 2027-2028 ouvrent" in said
    assert "Lundi 21 septembre Rappel : demande à poursuivre : 1 demande ." in said
    assert "/rectorat?etat=declaree&etat=deleguee&etat=charte-signee" in page
    assert "Mercredi 14 octobre" in said
    assert "Les codes gardés depuis 30 jours sont effacés : 1 demande ." in said
    assert "Récapitulatif des retards chaque jour ouvré" in said
    assert "Ces dates ne concernent encore aucune demande" not in said
    assert "Calendrier scolaire inconnu" not in said


@pytest.mark.rule("R86")
def test_page__the_picture_tells_the_same_days_and_no_other(portal: Portal) -> None:
    portal.declared(1)
    page = portal.client(STAFF).get(PLACE).text
    drawings = re.findall(r'<svg [^>]*class="oda-month".*?</svg>', page, re.DOTALL)
    assert len(drawings) == 13
    assert "style=" not in "".join(drawings)
    listed = re.findall(r'oda-dates__day">(\w+ \w+ \w+)', page)
    drawn = [name for one in drawings for name in re.findall(r"Le (\w+ \w+ \w+) :", one.partition("<desc")[2])]
    assert [name.lower() for name in listed] == drawn
    assert len(drawn) == len(set(re.findall(r"Le \w+ \w+ \w+ :", page)))
    assert "Aujourd'hui : le 14 septembre." in unescape(drawings[0])
    assert all(f'id="{anchor}"' in page for anchor in re.findall(r'href="#(\d{4}-\d{2})"', page))


@pytest.mark.rule("R86")
def test_page__nothing_declared_yet_is_explained(portal: Portal) -> None:
    page = portal.client(STAFF).get(PLACE).text
    assert "Ces dates ne concernent encore aucune demande" in page
    assert "aucune demande</strong>" in page
    assert 'href="/rectorat/calendrier"' in portal.client(STAFF).get("/rectorat/fin-d-annee").text


@pytest.mark.rule("R77", "R86")
def test_page__what_is_not_known_is_said_with_what_to_do(portal: Portal) -> None:
    portal.clock.set(datetime(2027, 11, 3, 10, tzinfo=PARIS))
    page = portal.client(DRANE).get(PLACE).text
    unknown = portal.app.policy.days.kind(date(2028, 9, 4))
    assert unknown is DayKind.UNKNOWN, "the package knows that year now: take a later one"
    assert "Calendrier scolaire inconnu à partir du 1er septembre 2028" in page
    assert "holidays.school" in page
    assert "On ne sait pas : du 1er au 29." in page


@pytest.mark.rule("R52", "R86")
def test_page__a_held_end_is_said_first_and_is_not_a_date_to_come(portal: Portal) -> None:
    portal.declared(1)
    portal.app.ticker.tick()
    portal.clock.set(datetime(2027, 11, 3, 10, tzinfo=PARIS))
    portal.app.ticker.tick()
    page = words_of(portal.client(STAFF).get(PLACE).text)
    assert "La fin de l'année 2026-2027 est retenue" in page
    assert "les demandes en cours de 2026-2027 sont révoquées" not in page


@pytest.mark.rule("R2", "R86")
def test_page__is_not_the_chefs(portal: Portal) -> None:
    assert portal.client(CHEF).get(PLACE).status_code == 403


def test_picture__kinds_of_days_differ_without_colour_and_many_deeds_fit() -> None:
    days = SchoolDays(holidays={SchoolYear(2026): ((date(2027, 7, 5), date(2027, 8, 31)),)},
                      days_off=frozenset({date(2027, 6, 14)}))  # fmt: skip
    today = date(2027, 6, 10)
    deeds = (ScheduledAction.REMINDERS, ScheduledAction.ERASURE, ScheduledAction.REPORTS)
    found = [ScheduledDate(day=date(2027, 6, 16), action=deed, sentence="x", requests=1) for deed in deeds]
    june = agenda.months(found, today)[0]
    assert [one.letters for one in june.days] == ["RSE"]
    drawn = calendar_drawing.picture(june, days, today)
    assert ">R+<" in drawn
    assert "Jours chômés : le 14." in drawn
    july = agenda.months(found, today)[1]
    assert "Vacances scolaires : du 5 au 30." in calendar_drawing.description(july, days, today)
    signs = {re.sub(r' (fill|stroke)="#\w+"', "", calendar_drawing.swatch(kind)) for kind in calendar_drawing.LEGEND}
    assert len(signs) == len(calendar_drawing.LEGEND), "two kinds of days differ by their colour alone"
