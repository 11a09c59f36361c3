"""/rectorat/calendrier: what the software will do, on how many requests, in words and in picture (R86)."""

import re
from dataclasses import replace
from datetime import date, datetime
from html import unescape
from pathlib import Path

import pytest

import portal.web
from portal.web.rectorat.calendar import LEGEND, WEEKDAYS, months_of
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
    words, page = words_of(answer.text), answer.text.replace("&amp;", "&")
    assert "Mardi 31 août À minuit, les demandes en cours de 2026-2027 sont révoquées : 2 demandes dans" in words
    assert "/rectorat/fin-d-annee/apercu?jour=2027-08-31" in page
    assert "Vendredi 2 juillet La fin de 2026-2027 est annoncée, 60 jours avant : 2 demandes dans" in words
    assert "/rectorat?etat=en-cours&annee=2026-2027" in page
    assert "Mardi 1er juin Les déclarations pour 2027-2028 ouvrent" in words
    assert "Lundi 21 septembre Rappel : demande à poursuivre : 1 demande ." in words
    assert "/rectorat?etat=declaree&etat=deleguee&etat=charte-signee" in page
    assert "Mercredi 14 octobre" in words
    assert "Les codes gardés depuis 30 jours sont effacés : 1 demande ." in words
    assert "Récapitulatif des retards chaque jour ouvré" in words
    assert "Ces dates ne concernent encore aucune demande" not in words
    assert "Calendrier scolaire inconnu" not in words


@pytest.mark.rule("R80", "R86")
def test_page__foresees_the_next_digest_when_it_is_one_mail_a_day(portal: Portal) -> None:
    settings = portal.app.settings
    settings = settings.model_copy(update={"mail": settings.mail.model_copy(update={"operators": "daily"})})
    daily = Portal(replace(portal.app, settings=settings), portal.clock)
    portal.submitted(1)
    words = words_of(daily.client(DRANE).get(PLACE).text)
    assert "puis chaque jour ouvré du nouveau sur 1 demande depuis le précédent" in words
    assert "Récapitulatif des retards" not in words


def squares_of(page: str, month: str) -> dict[str, str]:
    """What a screen reader hears in the calendar of one month: day with its weekday -> words after its number."""
    (table,) = [html for html in re.findall(r'<table class="oda-month">.*?</table>', page, re.DOTALL) if month in html]
    squares = {}
    for row in re.findall(r"<tr>(<td>.*?)</tr>", table):
        for weekday, square in zip(WEEKDAYS, re.findall(r"<td>(.*?)</td>", row), strict=True):
            if square:
                spoken = words_of(re.sub(r'<b aria-hidden="true">.*?</b>', "", square)).strip()
                number, _, words = spoken.partition(" : ")
                squares[f"{weekday} {'1er' if number == '1' else number} {month.split()[0].lower()}"] = words.strip()
    return squares


@pytest.mark.rule("R86")
def test_page__the_picture_tells_the_same_days_and_no_other(portal: Portal) -> None:
    portal.declared(1)
    page = portal.client(STAFF).get(PLACE).text
    months = re.findall(r"<caption>(?:<a [^>]*>)?(\w+ \d{4})", page)
    assert len(months) == 13
    assert "style=" not in page
    listed = re.findall(r'oda-dates__day">(\w+ \w+ \w+)', page)
    acting = re.findall(r"<td>(?:(?!</td>).)*oda-day__act", page)
    silent = {"", "aujourd'hui", "vacances scolaires", "jour férié", "jour chômé"}
    drawn = [name for month in months for name, words in squares_of(page, month).items() if words not in silent]
    assert [name.lower() for name in listed] == drawn
    assert len(drawn) == len(acting)
    assert squares_of(page, "Septembre 2026")["lundi 14 septembre"].startswith("aujourd'hui")
    assert squares_of(page, "Août 2027")["mardi 31 août"] == "vacances scolaires, fin de l'année scolaire"
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
    squares = squares_of(page, "Septembre 2028")
    weekdays = {name: words for name, words in squares.items() if not name.startswith(("samedi", "dimanche"))}
    assert len(weekdays) == 21
    assert all(words.startswith("on ne sait pas") for words in weekdays.values())


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


def test_months__kinds_of_days_are_told_and_many_actions_fit() -> None:
    days = SchoolDays(holidays={SchoolYear(2026): ((date(2027, 7, 5), date(2027, 8, 31)),)},
                      days_off=frozenset({date(2027, 6, 14)}))  # fmt: skip
    today = date(2027, 6, 10)
    actions = (ScheduledAction.REMINDERS, ScheduledAction.ERASURE, ScheduledAction.REPORTS)
    dates = [ScheduledDate(day=date(2027, 6, 16), action=action, sentence="x", requests=1) for action in actions]
    june, july = months_of(dates, days, today)[:2]
    assert [day.letters for day in june.days] == ["R+"]
    assert [day.letters for day in months_of(dates[:2], days, today)[0].days] == ["RE"]
    assert june.days[0].words == "rappels, effacement de codes, signalements arrivés à leur jour"
    words_by_day = {day.name: day.words for month in (june, july) for week in month.weeks for day in week if day}
    assert [name for name, words in words_by_day.items() if words == "jour chômé"] == ["lundi 14 juin"]
    holidays = [name for name, words in words_by_day.items() if words == "vacances scolaires"]
    assert (holidays[0], holidays[-1]) == ("lundi 5 juillet", "vendredi 30 juillet")
    assert [day.kind for week in june.weeks for day in week if day and day.day < today] == [None] * 9


def test_picture__kinds_of_days_differ_without_colour() -> None:
    css = (Path(portal.web.__path__[0]) / "static" / "oda.css").read_text()
    signs = set()
    for kind in LEGEND:
        rules = re.findall(rf"^[^\n{{]*oda-day--{kind.value}\b[^{{]*{{(.*)}}", css, re.MULTILINE)
        signs.add(re.sub(r"#\w+|var\([^)]*\)", "", "".join(rules)))
    assert len(signs) == len(LEGEND), "two kinds of days differ by their colour alone"
