"""What ``oda mail list`` says first when the relay takes no mail (R70)."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from notifications.pauses import Pause
from states import french


def pause_lines(pause: Pause, now: datetime, timezone: tzinfo) -> Iterator[str]:
    """Since when, why, when it is tried again, and what to do."""
    reply = f" (« {pause.reply} »)" if pause.reply else ""
    since = french.instant(pause.since, timezone)
    yield f"Le relais ne prend plus les courriels depuis le {since} : {pause.fault.label}{reply}."
    # Past its hour, a pause waits for the next mail, or for whoever sends them to be started again.
    again = f"le {french.instant(pause.until, timezone)}" if now < pause.until else "au prochain envoi"
    yield f"Prochain essai {again}."
    yield "  — Que faire : corriger les réglages mail.relay au besoin, puis lancer « oda mail check »."
