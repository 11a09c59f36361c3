"""The rectorat's pages: operators work with them, readers only see them."""

from fastapi import APIRouter

from portal.web.rectorat import (
    activation,
    bindings,
    calendar,
    checks,
    clock,
    codes,
    collaboration,
    dashboard,
    directory_import,
    drane,
    establishments,
    figures,
    keys_to_extend,
    lists,
    mails,
    removals,
    removals_import,
    request,
    search,
    security_log,
    sessions,
    webhooks,
    year_end,
)

router = APIRouter()
router.include_router(codes.request_router)
for module in (
    checks, clock, codes, collaboration, dashboard, request, search, mails, removals, removals_import,
    directory_import, bindings, establishments, calendar, figures, keys_to_extend, lists, year_end, drane, activation,
    sessions,
    security_log, webhooks,
):  # fmt: skip
    router.include_router(module.router)
router.include_router(activation.import_router)
