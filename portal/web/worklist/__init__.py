"""The operator's worklist: what first, which requests, one action on many of them."""

from fastapi import APIRouter

from portal.web.worklist import bulk, page
from portal.web.worklist import bulk as codes

# The worklist's pages together; « emettre » stands before the other actions, whose addresses have its form.


router = APIRouter(include_in_schema=False)


for one in (codes.router_codes, bulk.router, page.router):
    router.include_router(one)
