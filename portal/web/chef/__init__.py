"""The pages of a chef d'établissement: what to do now, the steps, the papers, the mails."""

from fastapi import APIRouter

from portal.web.chef import declare, home, requests

router = APIRouter(include_in_schema=False)
for module in (home, declare, requests):  # requests last: its actions take any address
    router.include_router(module.router, prefix="/etablissement")
