"""The rectorat's pages: what operators work with, and readers look at."""

from typing import Final

from fastapi import APIRouter

from portal.web.rectorat import calendar, establishments, mails, removals, removals_import, year_end

ROUTERS: Final[tuple[APIRouter, ...]] = (
    mails.router,
    removals.router,
    removals_import.router,
    establishments.router,
    calendar.router,
    year_end.router,
)
"""All but the router of one request, which comes before them."""
