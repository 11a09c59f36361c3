"""Mails as they are listed and shown; the code is masked wherever a body stands (R60)."""

from typing import TYPE_CHECKING, Any

import click

from notifications.errors import UnknownMail
from notifications.mail import Mail
from notifications.outbox import Page, find, listing
from notifications.rendering import Rendered
from notifications.vocabulary import Stage
from portal.cli.cells import printable
from portal.cli.request.paper import Paper
from states import french

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workflow.settings import Settings

_FIELDS = (
    "id", "kind", "audience", "uai", "reference", "recipient", "stage", "fault", "attempts", "created_at",
    "not_after", "next_attempt_at", "sent_at", "doubted_at", "message_id", "dated_at", "subject", "last_reply",
    "replaces_id",
)  # fmt: skip
_BRIEF = 60
"""Characters of a server's reply that a table shows; JSON and ``oda mail show`` give it whole."""
_ALIVE = tuple(stage for stage in Stage if stage is not Stage.DEAD)


def worst_first(connection: "Connection", *, after: int | None, limit: int) -> Page:
    """The dead ones, then the rest, each the newest first; the last mail seen tells in which of the two we are."""
    dead = Page((), None)
    if after is None or _is_dead(connection, after):
        dead = listing(connection, stages=(Stage.DEAD,), after=after, limit=limit)
        after = None
    left = limit - len(dead.mails)
    if dead.after or not left:
        return Page(dead.mails, dead.mails[-1].id)
    rest = listing(connection, stages=_ALIVE, after=after, limit=left)
    return Page(dead.mails + rest.mails, rest.after)


def _is_dead(connection: "Connection", mail_id: int) -> bool:
    try:
        return find(connection, mail_id).stage is Stage.DEAD
    except UnknownMail:
        return False


def row(mail: Mail) -> dict[str, Any]:
    """Every field for a program, and the columns of the table."""
    fault = f" : {mail.fault.label}" if mail.fault else ""
    return {name: getattr(mail, name) for name in _FIELDS} | {
        "title": mail.title,
        "status": f"{mail.stage.label}{fault}",
    }


def brief(mail: Mail) -> dict[str, Any]:
    """A line of the table: the server's words cut to fit."""
    reply = mail.last_reply or ""
    return row(mail) | {"words": reply if len(reply) <= _BRIEF else f"{reply[: _BRIEF - 1].rstrip()}…"}


def shape(mail: Mail, words: Rendered | None) -> dict[str, Any]:
    """A mail for a program; ``is_written`` False when its words may still change (R56)."""
    told = {"subject": words.subject if words else None, "body": words.body if words else None}
    return row(mail) | told | {"is_written": mail.body is not None}


def write(mail: Mail, words: Rendered | None, settings: "Settings") -> None:
    """The mail as a page of text."""
    paper, zone = Paper(), settings.zoneinfo
    paper.title(f"Courriel n° {mail.id} — {mail.title}")
    paper.fact("Étape", f"{mail.stage.label}{f' ({mail.fault.label})' if mail.fault else ''}")
    paper.fact("Demande", mail.reference or "")
    paper.fact("Établissement", mail.uai or "")
    for label, at in (("Inscrit le", mail.created_at), ("Envoyé le", mail.sent_at), ("Envoi incertain le",
                      mail.doubted_at), ("Prochain essai le", mail.next_attempt_at)):  # fmt: skip
        paper.fact(label, french.instant(at, zone) if at else "")
    paper.fact("Essais", str(mail.attempts))
    paper.fact("Réponse du serveur", mail.last_reply or "")
    paper.fact("Remplace", f"le courriel n° {mail.replaces_id}" if mail.replaces_id else "")
    paper.section("Message" if mail.body is not None else "Message, tel qu'il partirait maintenant")
    paper.fact("De", settings.mail.sender)
    paper.fact("À", mail.recipient or "(aucune boîte)")
    paper.fact("Message-ID", mail.message_id or "")
    paper.fact("Date", french.instant(mail.dated_at, zone) if mail.dated_at else "")
    if words is None:
        paper.line("Le texte ne peut pas être composé.")
        return
    paper.fact("Objet", words.subject)
    click.echo()
    for line in words.body.split("\n"):
        click.echo(f"  {printable(line)}".rstrip())
