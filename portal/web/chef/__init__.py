"""The pages of a chef d'établissement: what to do now, the steps, the papers, the mails."""

from fastapi import APIRouter

from portal.web.chef import declare, home, renew, requests

router = APIRouter(include_in_schema=False)
for one in (
    home.router,
    declare.router,
    declare.router_whole,
    home.router_mails,
    requests.router_papers,
    requests.router,
    declare.router_finishing,
    renew.router,
    renew.router_taking_over,
    requests.router_acts,
):  # acts last: it takes any slug
    router.include_router(one, prefix="/etablissement")
