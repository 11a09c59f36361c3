"""What the connector's calls became, beside the removals; and one asked for again (R84)."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from portal.web.actions.acting import seen
from portal.web.installed import Installed
from portal.web.visitors import Here, Operator, Posted
from workflow.connector import again
from workflow.connector.reading import CallView, calls_of

router = APIRouter(prefix="/rectorat/retraits", include_in_schema=False)


def calls_shown(here: Installed, connection: Connection, references: Iterable[str]) -> Mapping[str, CallView]:
    """The calls of these tasks; none where no server is called."""
    return calls_of(connection, references) if here.house.connector else {}


@router.post("/{reference}/redemander")
def ask_again(request: Request, here: Here, visitor: Operator, reference: str, data: Posted) -> Response:  # noqa: ARG001
    """Have the server asked anew; done twice, or for a call that needs nothing, it changes nothing."""
    known = seen(here, visitor, reference).request.reference
    again.ask_again(here.house.engine, visitor.actor, [known])
    return RedirectResponse(f"/rectorat/demandes/{known}#retrait-des-droits", status_code=303)
