"""When the software writes of its own accord, as the settings give it (R78 to R81)."""

from dataclasses import dataclass

MonthDay = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timetable:
    """Delays in days. ``hour``: the académie's hour from which a day's mails leave.

    ``notices`` count back from a year's last day (R78). ``stalled`` and ``handover`` count from the day on which a
    request came where it stands, or its code left: one reminder for each, no more (R79). ``invite_on`` is the day of
    the invitation to renew (R81). ``removals_late``: after how many an open removal is late (R80).
    """

    hour: int = 8
    notices: tuple[int, ...] = (30, 7)
    stalled: tuple[int, ...] = (7, 14, 30)
    handover: tuple[int, ...] = (5, 12, 25)
    invite_on: MonthDay = (9, 10)
    removals_late: int = 15
