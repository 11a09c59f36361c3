"""An operator sets an establishment's mailbox, or gives it back the directory's (R14)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from notifications import outbox
from notifications.ports import Clock
from states.actors import Actor
from states.case import Scalar
from states.refusals import Reason, unknown_establishment
from states.words import clean, has_uai_form, mail_problem, normalise_uai, text_problem, uai_problem
from workflow import installation
from workflow.database import Database
from workflow.directory import refusals
from workflow.doors import sessions
from workflow.journal import Notary
from workflow.rows import ESTABLISHMENT

KIND = "mailbox_set"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxChange:
    """The mailbox in force before and after, None when there is none; ``is_done`` False when it was so already.

    ``undelivered`` counts the mails that died of another address, and can be sent again to this one (R15).
    """

    uai: str
    nom: str
    before: str | None
    after: str | None
    is_done: bool
    undelivered: int = 0


def set_mailbox(
    database: Database, notary: Notary, clock: Clock, actor: Actor, uai: str, address: str | None, why: str
) -> MailboxChange:
    """Make ``address`` the mailbox in force, whatever later imports say; None takes the directory's again.

    The reason and the address are notes of the journal: erasable. Raises DirectoryRefused.
    """
    refusals.require_operator(actor, "fixer la boîte d'un établissement")
    uai, why = normalise_uai(uai), why.strip()
    wanted = None if address is None else clean(address)
    reasons = _reasons(wanted, why)
    with database.write() as connection:
        row = _locked(connection, uai)
        if row is None:
            reasons.insert(0, unknown_establishment(uai, uai_problem(uai)))
        if reasons or row is None:
            raise refusals.DirectoryRefused(reasons)
        before, after = row.set_mailbox or row.mailbox, wanted or row.mailbox
        is_done = row.set_mailbox != wanted
        if is_done:
            now, mine = clock.now(), ESTABLISHMENT.c.uai == uai
            connection.execute(update(ESTABLISHMENT).where(mine).values(set_mailbox=wanted))
            notes = {"why": why} | ({"address": wanted} if wanted else {})
            data: dict[str, Scalar] = {"uai": uai, "cleared": wanted is None}
            installation.record(connection, notary, KIND, actor, now, data, notes)
            if before != after:  # who entered by the former mailbox enters by this one
                sessions.end_of(connection, {uai}, now)
        stuck = outbox.stuck_for(connection, uai, after) if after else []
    return MailboxChange(uai=uai, nom=row.nom, before=before, after=after, is_done=is_done, undelivered=len(stuck))


def _locked(connection: Connection, uai: str) -> Any:
    if not has_uai_form(uai):
        return None
    query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)
    return connection.execute(query.with_for_update(key_share=True)).one_or_none()


def _reasons(address: str | None, why: str) -> list[Reason]:
    found: list[Reason] = []
    if address is not None and (problem := mail_problem(address)):
        found.append(refusals.bad_mailbox(problem))
    if problem := text_problem(why):
        found.append(refusals.why_needed(problem))
    return found
