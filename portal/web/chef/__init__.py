"""The pages of a chef d'établissement: what to do now, the steps, the papers, the mails."""

from fastapi import APIRouter

from portal.web.chef import acts, declaring, finishing, home, mails, papers, renewing, requests, taking_over, whole

router = APIRouter(include_in_schema=False)
for one in (
    home,
    declaring,
    whole,
    mails,
    papers,
    requests,
    finishing,
    renewing,
    taking_over,
    acts,
):  # acts last: it takes any slug
    router.include_router(one.router, prefix="/etablissement")
