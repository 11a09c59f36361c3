"""The security journal for programs of operators (R108): a reader has no business with who came in."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from portal.api.auth import Context, OfOperator
from portal.api.problems import refusal_responses
from portal.api.requests import Limit, next_page
from portal.api.schemas import Day, RequestModel, ResponseModel, Text
from states.vocabulary import Role
from workflow.journal.event_kinds import EventGroup, EventKind
from workflow.journal.security_log import SecurityFilters, list_security_events

_FIRST, _LAST = date(2000, 1, 1), date(2200, 1, 1)

router = APIRouter(tags=["journal de sécurité"])


class SecurityParameters(RequestModel):
    """Filters of the journal; the days are the académie's, both included."""

    group: EventGroup | None = Field(None, description="D'un sujet.")
    kind: EventKind | None = Field(None, description="D'un genre.")
    person: Text = Field("", description="D'une personne : une adresse, un nom, un UAI, ou un bout.")
    since: Day | None = Field(None, description="Depuis ce jour.")
    until: Day | None = Field(None, description="Jusqu'à ce jour, compris.")
    after: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Le curseur : le dernier rang.")
    limit: Limit = 50


class SecurityDetail(ResponseModel):
    """Something that an event says, in French."""

    name: str
    value: str


class SecurityEventOut(ResponseModel):
    """An event of the installation."""

    seq: int
    at: datetime
    kind: str
    label: str
    role: Role
    person: str
    details: list[SecurityDetail]
    networks: list[str]
    browser: str | None


class SecurityEvents(ResponseModel):
    """A page of the journal, the newest first."""

    items: list[SecurityEventOut]
    next: str | None


@router.get(
    "/security-journal", summary="Le journal de sécurité", operation_id="list_security_events",
    responses=refusal_responses(),
)  # fmt: skip
def list_events(
    context: Context, caller: OfOperator, parameters: Annotated[SecurityParameters, Query()], response: Response
) -> SecurityEvents:  # fmt: skip
    """Les événements de l'installation, le dernier d'abord (R108)."""
    del caller
    midnight = context.app.policy.calendar.midnight
    since, until = (day and min(max(day, _FIRST), _LAST) for day in (parameters.since, parameters.until))
    filters = SecurityFilters(
        group=parameters.group, kind=parameters.kind, person=parameters.person,
        since=midnight(since) if since else None, until=midnight(until + timedelta(days=1)) if until else None,
    )  # fmt: skip
    with context.app.database.read() as connection:
        page = list_security_events(connection, filters, before=parameters.after, limit=parameters.limit)
    items = [
        SecurityEventOut(
            seq=event.seq, at=event.at, kind=event.kind, label=event.label, role=event.role, person=event.who,
            details=[SecurityDetail(name=name, value=value) for name, value in event.details],
            networks=[origin.network for origin in event.origins],
            browser=next((origin.browser for origin in event.origins if origin.browser), None),
        )
        for event in page.events
    ]  # fmt: skip
    return SecurityEvents(items=items, next=next_page(response, "security-journal", parameters, page.before))
