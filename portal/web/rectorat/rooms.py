"""The rectorat's families of pages beside the requests: mails, removals, establishments, the year's end."""

from typing import Final

from fastapi import APIRouter

from portal.web.rectorat import (
    coming,
    establishments,
    establishments_declare,
    establishments_mailbox,
    mails,
    mails_acts,
    removals,
    removals_call,
    removals_confirm,
    removals_export,
    removals_file,
    year_end,
    year_end_confirm,
    year_end_not_renewed,
    year_end_preview,
    year_end_report,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    mails.router, mails_acts.router, removals.router, removals_call.router, removals_confirm.router,
    removals_export.router, removals_file.router, establishments.router, establishments_mailbox.router,
    establishments_declare.router,
    coming.router, year_end.router, year_end_preview.router, year_end_confirm.router,
    year_end_not_renewed.router, year_end_report.router,
)  # fmt: skip
