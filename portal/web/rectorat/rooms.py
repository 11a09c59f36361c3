"""The rectorat's families of pages beside the requests: mails, removals, establishments, the year's end."""

from typing import Final

from fastapi import APIRouter

from portal.web.rectorat import (
    establishments,
    establishments_declare,
    establishments_mailbox,
    mails,
    mails_acts,
    removals,
    removals_confirm,
    year_end,
    year_end_confirm,
    year_end_preview,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    mails.router, mails_acts.router, removals.router, removals_confirm.router, establishments.router,
    establishments_mailbox.router, establishments_declare.router, year_end.router, year_end_preview.router,
    year_end_confirm.router,
)  # fmt: skip
