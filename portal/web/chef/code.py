"""The code of a request, read on its page by the chef known by a national identity: shown once, then erased (R112)."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from portal.web.actions.base import ActionContext, version_of, with_refusal
from portal.web.context import Chef, Context, Posted
from portal.web.forms import blank
from portal.web.step_up import ProvenChef, is_fresh
from states.commands import OpenCode
from states.decision import Refused
from states.vocabulary import SignInMethod, Trigger
from workflow.codes.reading import open_code

router = APIRouter()


@router.get("/demandes/{reference}/code")
def show_code_page(request: Request, context: Context, visitor: Chef, reference: str) -> Response:
    """What reading the code does, and its button; the code is not in it. Whoever read it is told."""
    action_context = ActionContext.load(context, visitor, reference)
    read_at = action_context.view.request.code_read_at
    if read_at is None and not action_context.is_open(Trigger.OPEN_CODE):
        return RedirectResponse(action_context.address, status_code=303)
    return _render(request, action_context, None)


@router.post("/demandes/{reference}/code")
def show_code(request: Request, context: Context, visitor: ProvenChef, reference: str, data: Posted) -> Response:
    """Show the code, which is erased by then; a second click on the same button shows it too, for a minute."""
    action_context = ActionContext.load(context, visitor, reference)
    app, method = context.app, visitor.session_user.method
    version = version_of(data)
    command = OpenCode(reference=reference, expected_version=version, method=method)
    opened = context.recent_openings.open_once(
        visitor.secret, reference, version, partial(open_code, app.engine, app.mailer, command, visitor.actor)
    )
    if isinstance(opened, Refused):
        return _render(request, ActionContext.load(context, visitor, reference), opened)
    return context.pages.page(
        request, "chef/code_shown.html", visitor, action_context=action_context, view=action_context.view, code=opened,
    )  # fmt: skip


def _render(request: Request, action_context: ActionContext, refusal: Refused | None) -> Response:
    context, visitor, view = action_context.web, action_context.visitor, action_context.view
    form = with_refusal(blank(()), refusal, visitor) if refusal else blank(())
    opening = next((event for event in reversed(view.history) if event.trigger is Trigger.OPEN_CODE), None)
    return context.pages.page(
        request, "chef/code.html", visitor, status=422 if refusal else 200, action_context=action_context, view=view,
        form=form, is_readable=action_context.is_open(Trigger.OPEN_CODE), opening=opening,
        is_identified=visitor.session_user.method is not SignInMethod.MAIL_LINK, is_fresh=is_fresh(context, visitor),
        provider=context.app.settings.sign_in.provider(visitor.session_user.provider),
        keep_days=context.app.settings.code.keep_days,
    )  # fmt: skip
