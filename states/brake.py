"""Whether the end of a school year may run by itself (R51, R52)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from states.school_year import YearEnd
from states.vocabulary import Labelled

FORESEEN = timedelta(hours=24)
LONGEST_ABSENCE = timedelta(days=45)


class Hold(Labelled):
    """Why the brake holds a year's end."""

    UNFORESEEN = "unforeseen", "sa date n'avait pas été enregistrée avant qu'elle passe"
    TOO_RECENT = "too_recent", "sa date n'était enregistrée que depuis moins de 24 heures"
    MOVED = "moved", "un changement de réglage a placé sa date dans le passé"
    ABSENCE = "absence", "le service n'avait donné aucun signe de vie depuis plus de 45 jours"


class Verdict(Labelled):
    """What a tick does about a year's end."""

    WAIT = "wait", "attendre"
    RECORD = "record", "enregistrer la date"
    HOLD = "hold", "retenir et alerter"
    HELD = "held", "déjà retenue"
    RUN = "run", "révoquer"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """An end as it was recorded, aware UTC; ``held`` and ``confirmed`` say what became of it since."""

    ends_at: datetime
    recorded_at: datetime
    held: bool = False
    confirmed: bool = False


def judge(end: YearEnd, record: Foreseen | None, now: datetime, last_seen: datetime) -> tuple[Verdict, Hold | None]:
    """What to do about ``end`` at ``now``; ``last_seen`` is the last trace of life of any node before this one.

    A date still to come is recorded anew when it moved, or when it had been held by a clock that has come back.
    """
    if now < end.ends_at:
        known = record is not None and record.ends_at == end.ends_at and not record.held
        return (Verdict.WAIT if known else Verdict.RECORD), None
    if record is None:
        return Verdict.HOLD, Hold.UNFORESEEN
    if record.ends_at != end.ends_at:
        return Verdict.HOLD, Hold.MOVED
    if record.confirmed:
        return Verdict.RUN, None
    if record.held:
        return Verdict.HELD, None
    if record.recorded_at > end.ends_at - FORESEEN:
        return Verdict.HOLD, Hold.TOO_RECENT
    if abs(now - last_seen) > LONGEST_ABSENCE:
        return Verdict.HOLD, Hold.ABSENCE
    return Verdict.RUN, None
