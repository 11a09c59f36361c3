"""The attribute ``FrEduResDel``: a delegation as the national directory of staff writes it (R93).

Eight fields parted by ``|``: the resource's name, its url, begin and end (``dd/mm/yyyy``), the login of who delegated,
``FrEduRneResp=`` and the establishments by ``;``, the server, the module. Any may be absent, or ``X``, which says so.

In a list it may be proof. In the identity of a RUPN it is a proposal that an operator confirms (R113), never a check by
itself: it seldom says who delegated (R94).
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, bindparam, delete, or_, select

from notifications.ports import Clock
from notifications.sql import batches, upsert
from states import french
from states.commands import CheckDelegation
from states.french import parse_day
from states.model import Policy, Request
from states.rules.verification import delegation_digest, oldest_valid_day
from states.validation import fold, has_uai_form, normalise_uai
from states.vocabulary import CheckOutcome, State
from workflow.database.connection import Database
from workflow.database.mapping import REQUEST_COLUMNS, request_from
from workflow.database.tables import CLAIM, REQUEST
from workflow.settings.yaml_reader import quote

FIELDS: Final = 8

ESTABLISHMENTS: Final = "fredurneresp="
"""How the field of the establishments begins, whatever its case."""

_DAY: Final = r"(?:\d{1,2}/\d{1,2}/\d{4}|X|)"

_DATES: Final = re.compile(r"\|\d{1,2}/\d{1,2}/\d{4}\|")

_NEXT_VALUE: Final = re.compile(rf"(\s*,\s*|(?<=\|)\s+)(?=[^|,]*\|[^|]*\|{_DAY}\|{_DAY}\|)")
"""What parts two values: a comma, or the space of a line's end, where name, url and two dates follow."""

_ENDLESS = 9999

_BEFORE_A_CODE = (State.DELEGATED, State.CHARTER_SIGNED, State.REQUESTED)

IS_PAST_CLAIM: Final = or_(
    CLAIM.c.ends < bindparam("today"),
    CLAIM.c.said_on < bindparam("oldest_check"),
    CLAIM.c.reference.not_in(
        select(REQUEST.c.reference).where(REQUEST.c.state.in_([state.value for state in _BEFORE_A_CODE]))
    ),
)
"""The condition of what ``forget_claims`` deletes; ``oldest_check``: the day of the oldest check that counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DelegatedResource:
    """One value of the attribute; what it does not say is empty or None."""

    application: str
    begins: date | None
    ends: date | None
    author: str
    uais: tuple[str, ...]


def looks_like_attribute(text: str) -> bool:
    """True for a text that can only be this attribute, whatever the title of its column."""
    return text.count("|") >= FIELDS - 3 and (ESTABLISHMENTS in text.lower() or _DATES.search(text) is not None)


def parse_attribute(text: str) -> list[DelegatedResource]:
    """Read a cell that holds one value, several, a list in brackets, or none (empty, ``X``).

    Raises ValueError with what is wrong, in French, without a full stop.
    """
    return [_parse_value(value) for value in _values(text)]


def _values(text: str) -> list[str]:
    text = text.strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except ValueError:
            raise ValueError(f"la liste « {quote(text)} » ne se lit pas") from None
        pieces = [str(value) for value in listed]
    else:
        first, *rest = _NEXT_VALUE.split(text)
        pieces = [first]
        for mark, piece in zip(rest[::2], rest[1::2], strict=True):
            if "|" in pieces[-1]:
                pieces.append(piece)
            else:  # a comma inside a resource's name parts nothing
                pieces[-1] += mark + piece
    return [value for piece in pieces if (value := piece.strip().strip("\"'")) and value.upper() != "X"]


def _parse_value(value: str) -> DelegatedResource:
    fields = [_said(field) for field in value.split("|")]
    if len(fields) < 2 or any(fields[FIELDS:]):
        raise ValueError(f"« {quote(value)} » n'a pas les {FIELDS} champs de FrEduResDel, séparés par « | »")
    name, url, begins, ends, author, establishments, _, module = (fields + [""] * FIELDS)[:FIELDS]
    place = next((n for n, field in enumerate(fields) if field.lower().startswith(ESTABLISHMENTS)), None)
    if place not in (None, 5):
        raise ValueError(f"« {quote(value)} » n'a pas ses champs dans l'ordre de FrEduResDel")
    return DelegatedResource(
        application=_application(url) or name or module,
        begins=parse_day(begins) if begins else None,
        ends=parse_day(ends) if ends else None,
        author=author,
        uais=_establishments(establishments),
    )


def _said(field: str) -> str:
    field = field.strip()
    return "" if field.upper() == "X" else field


def _application(url: str) -> str:
    """The ``applicationname`` of the url, by which the application is recognised; empty when it says none."""
    try:
        query = parse_qs(urlsplit(url).query)
    except ValueError:
        return ""
    names = [values[0].strip() for key, values in query.items() if key.lower() == "applicationname"]
    return _said(names[0]) if names else ""


def _establishments(field: str) -> tuple[str, ...]:
    """The UAI of each establishment: the first part of what is parted by ``$``. Raises ValueError."""
    uais: list[str] = []
    for part in field.split(";"):
        if part.strip().lower().startswith(ESTABLISHMENTS):
            part = part.strip()[len(ESTABLISHMENTS) :]
        uai = normalise_uai(part.partition("$")[0])
        if not uai or uai == "X":
            continue
        if not has_uai_form(uai):
            raise ValueError(f"« {quote(uai)} » n'est pas un UAI (7 chiffres et une lettre)")
        uais.append(uai)
    return tuple(dict.fromkeys(uais))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedDelegation:
    """A delegation as the RUPN's identity said it on a day; it may have no begin or end."""

    said_on: date
    application: str
    begins: date | None
    ends: date | None

    @property
    def source(self) -> str:
        """The source of a check made from it, without a name (R34)."""
        return f"identité du RUPN (FrEduResDel) du {french.day(self.said_on)}"

    @property
    def sentence(self) -> str:
        """The proposal in French, for an operator, without a full stop."""
        begins = f" depuis le {french.day(self.begins)}" if self.begins else ""
        ends = f", jusqu'au {french.day(self.ends)}" if self.ends and self.ends.year < _ENDLESS else ""
        return (
            f"L'identité nationale du RUPN, le {french.day(self.said_on)}, porte la délégation de"
            f" « {self.application} »{begins}{ends} ; elle ne dit pas si le chef en fonction l'a faite"
        )

    def command(self, reference: str, version: int) -> CheckDelegation:
        """The check that confirms it."""
        return CheckDelegation(
            reference=reference, expected_version=version, outcome=CheckOutcome.POSITIVE, source=self.source,
            checked_on=self.said_on,
        )  # fmt: skip


class ClaimedDelegations:
    """Keeps what identities say, and forgets it in time."""

    def __init__(self, database: Database, clock: Clock, policy: Policy) -> None:
        self._database, self._clock, self._policy = database, clock, policy

    def keep(self, address: str, values: Sequence[str]) -> int:
        """Keep what the identity of this RUPN says now for each of his requests that it bears on; return how many.

        ``values`` are those of the attribute; what cannot be read says nothing. What an earlier identity said of a
        request is kept until its own end, or until this one says otherwise.
        """
        today, states = self._policy.calendar.today(self._clock.now()), [state.value for state in _BEFORE_A_CODE]
        resources: list[DelegatedResource] = []
        for value in values:
            with suppress(ValueError):
                resources += parse_attribute(value)
        live = [
            resource for resource in resources
            if fold(resource.application) in self._policy.delegation_applications
            and _runs_on(resource.begins, resource.ends, today)
        ]  # fmt: skip
        query = select(*REQUEST_COLUMNS).where(REQUEST.c.folded_mail == address, REQUEST.c.state.in_(states))
        with self._database.write() as connection:
            requests = [request_from(row) for row in connection.execute(query)]
            claimed = {
                request.reference: {
                    "reference": request.reference, "said_on": today, "application": resource.application,
                    "begins": resource.begins, "ends": resource.ends, "seen": delegation_digest(request),
                }
                for request in requests for resource in live if request.uai in resource.uais
            }  # fmt: skip
            for row in claimed.values():
                connection.execute(upsert(connection, CLAIM, row, ["reference"]))
        return len(claimed)


def claimed_delegations(
    connection: Connection, requests: Iterable[Request], policy: Policy, today: date
) -> dict[str, ClaimedDelegation]:
    """The delegations to confirm today: still running, not too old, said of the requests as they are (R35, R36)."""
    by_reference = {request.reference: request for request in requests}
    oldest = oldest_valid_day(today, policy.checks_max_age_days)
    delegations: dict[str, ClaimedDelegation] = {}
    for batch in batches(sorted(by_reference)):
        for row in connection.execute(select(CLAIM).where(CLAIM.c.reference.in_(batch), CLAIM.c.said_on >= oldest)):
            if _runs_on(row.begins, row.ends, today) and row.seen == delegation_digest(by_reference[row.reference]):
                delegations[row.reference] = ClaimedDelegation(
                    said_on=row.said_on, application=row.application, begins=row.begins, ends=row.ends
                )
    return delegations


def forget_claims(connection: Connection, policy: Policy, today: date) -> int:
    """Delete what can be confirmed no more: ended, too old, its request past its checks; return how many."""
    days = {"today": today, "oldest_check": oldest_valid_day(today, policy.checks_max_age_days)}
    return connection.execute(delete(CLAIM).where(IS_PAST_CLAIM), days).rowcount


def _runs_on(begins: date | None, ends: date | None, day: date) -> bool:
    return (begins is None or begins <= day) and (ends is None or day <= ends)
