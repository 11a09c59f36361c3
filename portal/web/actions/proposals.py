"""Dates already given that a request sent back does not make untrue: proposed, so that nobody types them twice."""

from dataclasses import dataclass
from datetime import date

from states.vocabulary import Step, Trigger
from workflow.reading.history import EventView
from workflow.reading.view import RequestView


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """None where nothing that is known to be true can be proposed."""

    made_on: date | None = None
    signed_on: date | None = None


def sent_back(view: RequestView) -> EventView | None:
    """The event by which the rectorat sent the request back, while it has not been submitted again (R38)."""
    if not view.request.is_live:
        return None
    turns = [one for one in view.history if one.trigger in (Trigger.SEND_BACK, Trigger.SUBMIT)]
    return turns[-1] if turns and turns[-1].trigger is Trigger.SEND_BACK else None


def proposals(view: RequestView, charter_version: str) -> Proposals:
    """What stands of a request sent back: the dates of the steps that come after the one to redo.

    A charter signed under another name, or in another version, is to be signed again (R27, R29).
    """
    back, request = sent_back(view), view.request
    if back is None:
        return Proposals()
    step = back.data.get("step")
    later = step == Step.DECLARATION.value
    same = request.charter_version == charter_version and not _renamed_since_signed(view)
    return Proposals(
        made_on=request.delegated_on if later else None,
        signed_on=request.charter_signed_on if same and (later or step == Step.DELEGATION.value) else None,
    )


def _renamed_since_signed(view: RequestView) -> bool:
    signed = max((one.seq for one in view.history if one.trigger is Trigger.SIGN_CHARTER), default=0)
    return any(
        one.seq > signed and one.trigger is Trigger.AMEND and one.data.get("name_changed") for one in view.history
    )
