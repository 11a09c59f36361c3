"""/rectorat/webhooks: the other systems that are told, what each was told, a message sent again (R118)."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from portal.web.context import Context, Operator, Posted, Rectorat
from portal.web.forms import address, list_problem, member_of, options_of
from states.validation import normalise_reference
from workflow.database.webhook_tables import DeliveryStage
from workflow.webhooks.queue import DeliveryView, list_deliveries, view_endpoints
from workflow.webhooks.sender import send_again

WEBHOOKS_PATH: Final = "/rectorat/webhooks"

SHOWN: Final = 50
"""Messages of a page."""

router = APIRouter(prefix=WEBHOOKS_PATH, include_in_schema=False)


@dataclass(frozen=True)
class WebhookQuery:
    """The filters as the address bears them."""

    logiciel: Annotated[str, Query(max_length=30)] = ""
    etape: Annotated[str, Query(max_length=30)] = ""
    demande: Annotated[str, Query(max_length=40)] = ""

    def address(self, after: str | None = None) -> str:
        return address(WEBHOOKS_PATH, **vars(self), suite=after)


@router.get("")
def show_webhooks(
    request: Request, context: Context, visitor: Rectorat, query: Annotated[WebhookQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:  # fmt: skip
    """The systems of the settings, how each fares, and the messages, the newest first."""
    deliveries: list[DeliveryView] = []
    problem, settings = "", context.app.settings.webhooks
    with context.app.database.read() as connection:
        try:
            deliveries = list_deliveries(
                connection, endpoint=query.logiciel, stage=member_of(DeliveryStage, query.etape),
                reference=normalise_reference(query.demande), before=_cursor(suite), limit=SHOWN + 1,
            )  # fmt: skip
        except ValueError as error:
            problem = list_problem(error, suite)
        endpoints = view_endpoints(connection, settings)
    more = query.address(str(deliveries[SHOWN - 1].number)) if len(deliveries) > SHOWN else None
    return context.pages.page(
        request, "rectorat/webhooks.html", visitor, status=422 if problem else 200, endpoints=endpoints,
        deliveries=deliveries[:SHOWN], problem=problem, query=query, stage_options=options_of(DeliveryStage),
        webhook_options=[(endpoint.name, endpoint.name) for endpoint in settings.endpoints],
        keep_days=settings.keep_days, first=query.address() if suite else None, more=more,
        kept=query.address(suite or None).removeprefix(WEBHOOKS_PATH),
    )  # fmt: skip


def _cursor(text: str) -> int | None:
    """Raises ValueError for what is no cursor of ours."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError
    return int(text)


@router.post("/{number}/renvoyer")
def send_webhook_again(
    context: Context, visitor: Operator, number: int, _: Posted, query: Annotated[WebhookQuery, Depends()],
    suite: Annotated[str, Query(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Have a message sent again, and come back to the list as it was; done twice, it leaves once."""
    found = send_again(context.app.engine, visitor.actor, [number] if 0 < number < 2**31 else [])
    said = "le message repart dans la minute" if found else "ce message est en cours d'envoi, ou n'est plus gardé"
    return context.success_messages.redirect(visitor, query.address(suite or None), said)
