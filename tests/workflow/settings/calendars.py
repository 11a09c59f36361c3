"""Académies whose days off are told by their settings: Corsica and La Réunion have no zone."""

from pathlib import Path

from states.school_calendar import SchoolDays
from tests.workflow.settings.files import loaded
from workflow.settings.model import Settings

CORSICA = """\
holidays:
  school:
    2026-2027:
      - {first: 2026-10-17, last: 2026-11-01}
      - {first: 2026-12-19, last: 2027-01-03}
      - {first: 2027-02-20, last: 2027-03-07}
      - {first: 2027-04-17, last: 2027-05-02}
      - {first: 2027-07-03, last: 2027-08-31}
  days_off: [2026-12-08]
"""
REUNION = """\
timezone: Indian/Reunion
holidays:
  school:
    2026-2027:
      - {first: 2026-08-01, last: 2026-08-16}
      - {first: 2026-10-10, last: 2026-10-25}
      - {first: 2026-12-18, last: 2027-01-24}
      - {first: 2027-03-06, last: 2027-03-21}
      - {first: 2027-05-08, last: 2027-05-17}
      - {first: 2027-07-10, last: 2027-08-22}
"""


def academie(folder: Path, extra: str = "", *, zone: str = "null", departements: str = "[31]") -> Settings:
    """The minimal settings for another académie than Toulouse."""
    head = "  zone: C\n  departements: [031, 09]\n"
    return loaded(folder, extra, replace=(head, f"  zone: {zone}\n  departements: {departements}\n"))


def days_of(folder: Path, extra: str = "", *, zone: str = "null", departements: str = "[31]") -> SchoolDays:
    return academie(folder, extra, zone=zone, departements=departements).school_days()
