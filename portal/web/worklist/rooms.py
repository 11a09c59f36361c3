"""The worklist's pages together; « emettre » stands before the other actions, whose addresses have its form."""

from fastapi import APIRouter

from portal.web.worklist import bulk, codes, page

router = APIRouter(include_in_schema=False)
for one in (codes.router, bulk.router, page.router):
    router.include_router(one)
