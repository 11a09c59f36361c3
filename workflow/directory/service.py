"""The directory as the rest of the house uses it."""

from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import Connection, select, update

from notifications.outbox import admin as outbox
from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.refusals import Reason, unknown_establishment
from states.validation import clean, has_uai_form, mail_problem, normalise_uai, text_problem, uai_problem
from workflow.auth.actors import require_operator
from workflow.auth.sessions import end_sessions_of
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.directory import importer as importing
from workflow.directory import model as refusals
from workflow.directory import queries as listing
from workflow.directory.model import KIND, Change, Changed, DirectoryRefused, Imported, Loss, Named, Remark, Stranded
from workflow.directory.parser import UnusableFile
from workflow.directory.queries import Criteria, Listed, OfRequest
from workflow.journal import installation
from workflow.journal.chain import JournalHasher


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
    database: Database, hasher: JournalHasher, clock: Clock, actor: Actor, uai: str, address: str | None, why: str
) -> MailboxChange:
    """Make ``address`` the mailbox in force, whatever later imports say; None takes the directory's again.

    The reason and the address are notes of the journal: erasable. Raises NotAllowed, DirectoryRefused.
    """
    require_operator(actor, "fixer la boîte d'un établissement")
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
            installation.record(connection, hasher, KIND, actor, now, data, notes)
            if before != after:  # who entered by the former mailbox enters by this one
                end_sessions_of(connection, {uai}, now)
        stuck = outbox.stuck_for(connection, uai, after) if after else []
    return MailboxChange(uai=uai, nom=row.nom, before=before, after=after, is_done=is_done, undelivered=len(stuck))


def _locked(connection: Connection, uai: str) -> Any:
    if not has_uai_form(uai):
        return None
    query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai)
    return connection.execute(query.with_for_update(key_share=True)).one_or_none()


def _reasons(address: str | None, why: str) -> list[Reason]:
    reasons: list[Reason] = []
    if address is not None and (problem := mail_problem(address)):
        reasons.append(refusals.bad_mailbox(problem))
    if problem := text_problem(why):
        reasons.append(refusals.why_needed(problem))
    return reasons


@dataclass(frozen=True)
class Directory:
    """One académie's establishments. ``academie_code`` is the settings' own, ``"16"`` for Toulouse."""

    database: Database
    hasher: JournalHasher
    clock: Clock
    academie_code: str

    def import_file(
        self, file: BinaryIO, actor: Actor, *, dry_run: bool = False, accept_loss: bool = False
    ) -> Imported:
        """Import the open directory from a binary file; done again, it changes and writes nothing (R66).

        ``dry_run`` says the same and writes nothing, a massive loss included. Raises NotAllowed, UnusableFile,
        DirectoryRefused (a massive loss that is not accepted), DatabaseBusy, DatabaseUnreachable (R67).
        """
        require_operator(actor, "importer l'annuaire")
        academie = int(self.academie_code)
        if dry_run:
            return importing.preview(self.database, academie, file)
        return importing.bring_in(
            self.database, self.hasher, self.clock, academie, file, actor, accept_loss=accept_loss
        )

    def set_mailbox(self, uai: str, address: str | None, why: str, actor: Actor) -> MailboxChange:
        """Set a mailbox that imports leave alone, or None to take the directory's again (R14).

        Raises DirectoryRefused with all the reasons.
        """
        return set_mailbox(self.database, self.hasher, self.clock, actor, uai, address, why)

    def establishments(self, actor: Actor, criteria: Criteria, *, limit: int = 50, after: str = "") -> list[Listed]:
        """A page of establishments, in the order of the UAI, those after the UAI ``after``; a chef's own (R3)."""
        with self.database.read() as connection:
            return listing.page(connection, actor, criteria, limit, "".join(filter(str.isalnum, normalise_uai(after))))

    def establishment(self, actor: Actor, uai: str) -> tuple[Listed, list[OfRequest]]:
        """An establishment and its requests. Raises DirectoryRefused when it is unknown, or not this chef's (R3)."""
        uai = normalise_uai(uai)
        with self.database.read() as connection:
            row = listing.one(connection, actor, uai)
            if row is None:
                raise refusals.DirectoryRefused([unknown_establishment(uai, uai_problem(uai))])
            return row, listing.requests_of(connection, uai)


__all__ = [
    "Change",
    "Changed",
    "Criteria",
    "Directory",
    "DirectoryRefused",
    "Imported",
    "Listed",
    "Loss",
    "MailboxChange",
    "Named",
    "OfRequest",
    "Remark",
    "Stranded",
    "UnusableFile",
]
