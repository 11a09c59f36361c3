"""The rectorat's pages: what operators work with, and readers look at."""

from typing import Final

from fastapi import APIRouter

from portal.web.rectorat import calendar as upcoming
from portal.web.rectorat import establishments, mails, removals, year_end
from portal.web.rectorat import establishments as establishments_declare
from portal.web.rectorat import establishments as establishments_mailbox
from portal.web.rectorat import mails as mails_acts
from portal.web.rectorat import removals as removals_call
from portal.web.rectorat import removals as removals_confirm
from portal.web.rectorat import removals as removals_export
from portal.web.rectorat import removals_import as removals_file
from portal.web.rectorat import year_end as year_end_confirm
from portal.web.rectorat import year_end as year_end_not_renewed
from portal.web.rectorat import year_end as year_end_preview
from portal.web.rectorat import year_end as year_end_report

# The rectorat's families of pages beside the requests: mails, removals, establishments, the year's end.


ROUTERS: Final[tuple[APIRouter, ...]] = (
    mails.router,
    mails_acts.router_mails_acts,
    removals.router,
    removals_call.router_removals_call,
    removals_confirm.router_removals_confirm,
    removals_export.router_removals_export,
    removals_file.router,
    establishments.router,
    establishments_mailbox.router_establishments_mailbox,
    establishments_declare.router_establishments_declare,
    upcoming.router,
    year_end.router,
    year_end_preview.router_year_end_preview,
    year_end_confirm.router_year_end_confirm,
    year_end_not_renewed.router_year_end_not_renewed,
    year_end_report.router_year_end_report,
)
