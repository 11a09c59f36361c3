"""The operator's worklist: what first, which requests, one action on many of them."""

from fastapi import APIRouter

from portal.web.worklist import bulk, page

router = APIRouter(include_in_schema=False)
for module in (bulk, page):
    router.include_router(module.router)
