"""The rectorat's pages: operators work with them, readers only see them."""

from fastapi import APIRouter

from portal.web.rectorat import (
    access,
    calendar,
    checks,
    codes,
    drane,
    establishments,
    figures,
    mails,
    removals,
    request,
    year_end,
)

router = APIRouter()
for subrouter in (
    codes.request_router,  # before the actions of a request, whose addresses are as wide
    establishments.import_router,  # before an establishment, for the same reason
    checks.router, codes.router, request.router, request.search_router, mails.router, removals.router,
    removals.file_router, establishments.router, calendar.router, figures.router, drane.lists_router, year_end.router,
    drane.router, figures.activation_router, access.router, access.webhooks_router, figures.import_router,
):  # fmt: skip
    router.include_router(subrouter)
