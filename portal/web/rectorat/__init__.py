"""The rectorat's pages: operators work with them, readers only see them."""

from fastapi import APIRouter

from portal.web.rectorat import (
    access,
    activation,
    calendar,
    checks,
    codes,
    drane,
    establishments,
    figures,
    lists,
    mails,
    removals,
    removals_import,
    request,
    search,
    webhooks,
    year_end,
)

router = APIRouter()
router.include_router(codes.request_router)  # before the actions of a request, whose addresses are as wide
router.include_router(establishments.import_router)  # before an establishment, for the same reason
for module in (
    checks, codes, request, search, mails, removals, removals_import, establishments, calendar, figures, lists,
    year_end, drane, activation, access, webhooks,
):  # fmt: skip
    router.include_router(module.router)
router.include_router(activation.import_router)
