"""The sections holidays, reminders and removals, the notices and the invitation: values and refusals (R77 to R81)."""

from datetime import date
from pathlib import Path

import pytest

from states.model import Timetable
from states.school_calendar import SchoolYear
from tests.workflow.settings.calendars import CORSICA, REUNION, academie
from tests.workflow.settings.files import LINES, MINIMAL, loaded, only_problem, refused
from workflow.app import policy_of

YEAR = "holidays:\n  school:\n    2026-2027:\n"


@pytest.mark.rule("R77")
def test_periods__kept_as_given_and_in_order_for_the_rules(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        YEAR + "      - {first: 2026-12-19, last: 2027-01-03}\n      - first: 2026-10-17\n        last: 2026-11-01\n",
    )
    (december, october) = settings.holidays.school[SchoolYear(2026)]
    assert (december.days, october.days[1]) == ((date(2026, 12, 19), date(2027, 1, 3)), date(2026, 11, 1))
    known = settings.school_days().holidays or {}
    assert known[SchoolYear(2026)] == (october.days, december.days)


@pytest.mark.rule("R77")
@pytest.mark.parametrize("text", [CORSICA, REUNION, "holidays:\n  school:\n  days_off:\n", "holidays:\n"])
def test_whole_calendars__accepted(tmp_path: Path, text: str) -> None:
    academie(tmp_path, text)


@pytest.mark.rule("R77")
@pytest.mark.parametrize("line", ["{first: 2026-08-01, last: 2026-08-01}", "{first: 2027-09-30, last: 2027-09-30}"])
def test_period__may_be_a_day_and_reach_both_ends(tmp_path: Path, line: str) -> None:
    loaded(tmp_path, f"{YEAR}      - {line}\n")


FINE = "      - {first: 2026-10-17, last: 2026-11-01}\n"


@pytest.mark.rule("R77")
@pytest.mark.parametrize(
    ("period", "key", "message", "allowed"),
    [
        ("{first: 2026-12-19, last: 2026-12-18}", ".last", "ces vacances finiraient avant de commencer, le 19 d", None),
        ("{first: 2026-07-31, last: 2026-08-16}", "", "ces vacances ne sont pas de l'année", "du 1er août 2026 au 30"),
        ("{first: 2027-09-20, last: 2027-10-01}", "", "ces vacances ne sont pas de l'année", "du 1er août 2026 au 30"),
        ("{first: 2026-11-01, last: 2026-11-02}", "", "ces vacances commencent avant que celles du 17 oct", None),
        ("{first: 2026-10-20, last: 2026-10-21}", "", "ces vacances commencent avant que celles du 17 oct", None),
        ("{first: 2026-12-19}", ".last", "cette clé manque", None),
        ("{first: 19/12/2026, last: 2027-01-03}", ".first", "« 19/12/2026 » n'est pas une date", "année-mois-jour, "),
        ("{first: 2027-02-29, last: 2027-03-03}", ".first", "« 2027-02-29 » n'est pas une date", "année-mois-jour, "),
        ("2026-12-19", "", "une section est attendue", None),
        ("[2026-12-19, 2027-01-03]", "", "une section est attendue", None),
        ("{first: 2026-12-19, last: null}", ".last", "cette valeur ne peut pas être vide", None),
        (
            "{debut: 1, first: 2026-12-19, last: 2027-01-03}",
            ".debut",
            "clé inconnue ; les clés de cette section s",
            None,
        ),
        (
            "{firts: 1, first: 2026-12-19, last: 2027-01-03}",
            ".firts",
            "clé inconnue ; vouliez-vous dire « first »",
            None,
        ),
    ],
)
def test_period__refused_at_its_line(tmp_path: Path, period: str, key: str, message: str, allowed: str | None) -> None:
    problem = only_problem(tmp_path, f"{YEAR}{FINE}      - {period}\n")
    assert (problem.line, problem.key) == (LINES + 5, f"holidays.school.2026-2027{key}")
    assert problem.message.startswith(message)
    assert (problem.allowed or "").startswith(allowed or "")
    assert (problem.allowed is None) == (allowed is None)


@pytest.mark.rule("R77")
def test_periods__every_wrong_one_at_once(tmp_path: Path) -> None:
    text = f"{YEAR}{FINE}{FINE}      - {{first: 2028-01-01, last: 2028-01-02}}\n    2027-2028: []\n"
    problems = refused(tmp_path, MINIMAL + text)
    assert [problem.line for problem in problems] == [LINES + 7]  # an empty year first: the others once it is mended
    problems = refused(tmp_path, MINIMAL + text.replace("    2027-2028: []\n", ""))
    assert [problem.line for problem in problems] == [LINES + 5, LINES + 6]


@pytest.mark.rule("R77")
@pytest.mark.parametrize(
    ("extra", "key", "message"),
    [
        ("holidays: {school: {2026-2028: []}}\n", "holidays.school.2026-2028", "« 2026-2028 » n'est pas une année"),
        ("holidays: {school: {2026-2027: []}}\n", "holidays.school.2026-2027", "cette liste est vide"),
        ("holidays: {school: []}\n", "holidays.school", "une section est attendue"),
        ("holidays: {days_off: 2026-11-13}\n", "holidays.days_off", "une liste est attendue"),
        ("holidays: {days_off: [13 novembre]}\n", "holidays.days_off", "« 13 novembre » n'est pas une date"),
        ("holidays: {day_off: []}\n", "holidays.day_off", "clé inconnue ; vouliez-vous dire « days_off » ?"),
        ("days_off: []\n", "days_off", "clé inconnue ici ; sa place est holidays.days_off"),
        ("last: 2026-11-01\n", "last", "clé inconnue ici ; sa place est holidays.school.last"),
    ],
)
def test_holidays__refused(tmp_path: Path, extra: str, key: str, message: str) -> None:
    problem = only_problem(tmp_path, extra)
    assert (problem.line, problem.key) == (LINES + 1, key)
    assert problem.message.startswith(message)


@pytest.mark.rule("R78")
@pytest.mark.rule("R79")
@pytest.mark.rule("R81")
def test_timetable__defaults_are_those_of_the_rules(tmp_path: Path) -> None:
    assert policy_of(loaded(tmp_path)).timetable == Timetable()


@pytest.mark.rule("R78")
@pytest.mark.rule("R79")
@pytest.mark.rule("R81")
def test_timetable__reaches_the_rules(tmp_path: Path) -> None:
    text = (
        "reminders: {stalled_after_days: [3], handover_after_days: [], hour: 0}\nschool_year: {notices: [60, 1]}\n"
        "campaign: {invite_on: 08-25}\nremovals: {late_after_days: 3}\nholidays: {days_off: [2026-11-13]}\n"
    )
    policy = policy_of(loaded(tmp_path, text))
    assert policy.timetable == Timetable(
        hour=0, notices=(60, 1), stalled=(3,), handover=(), invite_on=(8, 25), removals_late=3
    )
    assert policy.days.days_off == {date(2026, 11, 13)}
    assert policy == policy_of(loaded(tmp_path, text)) != policy_of(loaded(tmp_path))


ORDERED = "ces délais doivent aller du plus "
ELEVEN = list(range(1, 12))


@pytest.mark.rule("R78")
@pytest.mark.rule("R79")
@pytest.mark.rule("R81")
@pytest.mark.parametrize(
    ("section", "key", "value", "message", "allowed"),
    [
        ("school_year", "notices", "[7, 30]", f"{ORDERED}grand au plus petit", "par exemple [30, 7]"),
        ("school_year", "notices", "[30, 30]", f"{ORDERED}grand au plus petit", "par exemple [30, 7]"),
        ("school_year", "notices", "[121]", "121 est trop grand", "120 ou moins"),
        ("school_year", "notices", "[0]", "0 est trop petit", "1 ou plus"),
        ("school_year", "notices", "30", "une liste est attendue", None),
        ("school_year", "notices", f"{ELEVEN[::-1]}", "cette liste est trop longue", "10 valeurs au plus"),
        ("reminders", "stalled_after_days", "[14, 7]", f"{ORDERED}petit au plus grand", "par exemple [7, 14, 30]"),
        ("reminders", "stalled_after_days", "[sept]", "« sept » n'est pas un nombre entier", None),
        ("reminders", "handover_after_days", "[5, 5]", f"{ORDERED}petit au plus grand", "par exemple [7, 14, 30]"),
        ("reminders", "handover_after_days", "[366]", "366 est trop grand", "365 ou moins"),
        ("reminders", "handover_after_days", f"{ELEVEN}", "cette liste est trop longue", "10 valeurs au plus"),
        ("reminders", "hour", "2", "cette heure n'existe pas une nuit de mars", "de 0 à 20, sauf 2"),
        ("reminders", "hour", "21", "21 est trop grand", "20 ou moins"),
        ("reminders", "hour", "-1", "-1 est trop petit", "0 ou plus"),
        (
            "campaign",
            "invite_on",
            "05-31",
            "les déclarations n'ouvrent que le 06-01",
            "un jour écrit « mois-jour », dès 06-01",
        ),
        (
            "campaign",
            "invite_on",
            "11-01",
            "« 11-01 » est hors des dates permises",
            "un jour écrit « mois-jour », de 03",
        ),
        (
            "campaign",
            "invite_on",
            "10-09-2026",
            "« 10-09-2026 » n'est pas un jour",
            "un jour écrit « mois-jour », de 03",
        ),
        ("removals", "late_after_days", "0", "0 est trop petit", "1 ou plus"),
    ],
)
def test_delay__refused(tmp_path: Path, section: str, key: str, value: str, message: str, allowed: str | None) -> None:
    problem = only_problem(tmp_path, f"{section}:\n  {key}: {value}\n")
    assert (problem.line, problem.key) == (LINES + 2, f"{section}.{key}")
    assert problem.message.startswith(message)
    assert (problem.allowed or "").startswith(allowed or "")
    assert (problem.allowed is None) == (allowed is None)
