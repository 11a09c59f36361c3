"""``oda request``: a command for each trigger, the worklist, one request in full, and what operators share of it."""

from typing import Final

from portal.cli.errors import CommandGroup
from portal.texts import TRIGGER_TEXTS
from states.vocabulary import Trigger

_CHEF: Final = (
    Trigger.DECLARE, Trigger.DELEGATE, Trigger.SIGN_CHARTER, Trigger.SUBMIT, Trigger.AMEND, Trigger.TAKE_BACK,
    Trigger.WITHDRAW, Trigger.CONFIRM_HANDOVER, Trigger.RENEW, Trigger.ANSWER_QUESTION,
)  # fmt: skip
_OPERATOR: Final = (
    Trigger.CHECK_LISTING, Trigger.CHECK_DELEGATION, Trigger.SEND_BACK, Trigger.ISSUE_CODE, Trigger.REISSUE_CODE,
    Trigger.TAKE_BACK_CODE,
    Trigger.CONFIRM_EXPIRY, Trigger.REPORT_CHANGE, Trigger.SETTLE_CHANGE, Trigger.REVOKE, Trigger.CONFIRM_REMOVAL,
    Trigger.REOPEN_REMOVAL,
    Trigger.ASK_QUESTION, Trigger.SEND_TO_DRANE,
)  # fmt: skip

_SHARED: Final = "portal.cli.request.chef"


def _commands(module: str, triggers: tuple[Trigger, ...]) -> dict[str, tuple[str, str, str]]:
    """A command per trigger: named like it, with hyphens, and made by the function of its name."""
    return {
        trigger.value.replace("_", "-"): (module, trigger.value, TRIGGER_TEXTS[trigger].command) for trigger in triggers
    }


request = CommandGroup(
    "request",
    lazy={
        "list": ("portal.cli.request.show", "list_requests", "La liste des demandes, celles à traiter d'abord."),
        "show": ("portal.cli.request.show", "show_request", "Une demande, son histoire, ce qu'on peut en faire."),
        **_commands("portal.cli.request.chef", _CHEF),
        **_commands("portal.cli.request.operator", _OPERATOR),
        "take": (_SHARED, "take", "Dit que vous vous occupez d'une demande."),
        "release": (_SHARED, "release", "Dit que plus personne ne s'occupe d'une demande."),
        "note": (_SHARED, "note", "Écrit une note que les opérateurs seuls lisent."),
        "erase-note": (_SHARED, "erase_note", "Efface une note."),
    },
    help="Les demandes : les suivre et agir.",
    epilog="L'aide d'une action : oda request ACTION --help",
)
