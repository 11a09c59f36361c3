"""The directory of one académie: imported from the open one, its mailboxes corrected by operators."""

from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select, update

from notifications.outbox.admin import stuck_for
from notifications.ports import Clock
from states.decision import Scalar
from states.model import Actor
from states.refusals import Reason, unknown_establishment
from states.validation import (
    clean_mail,
    clean_text,
    has_uai_form,
    mail_problem,
    normalise_uai,
    text_problem,
    uai_problem,
)
from workflow.auth.access import end_access_of_mailboxes
from workflow.auth.actors import require_operator
from workflow.database.connection import Database
from workflow.database.tables import ESTABLISHMENT
from workflow.directory.importer import import_directory, preview_import
from workflow.directory.model import MAILBOX_SET, DirectoryRefused, ImportReport
from workflow.directory.parser import DirectoryFile
from workflow.directory.queries import (
    EstablishmentFilters,
    EstablishmentLine,
    EstablishmentRequest,
    find_establishment,
    list_establishments,
    list_requests_of,
)
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


@dataclass(frozen=True)
class Directory:
    """One académie's establishments. ``academie_code`` is the settings' own, ``"16"`` for Toulouse."""

    database: Database
    hasher: JournalHasher
    clock: Clock
    academie_code: str

    def import_file(
        self, file: BinaryIO, actor: Actor, *, dry_run: bool = False, accept_loss: bool = False,
        file_is_complete: bool = False,
    ) -> ImportReport:  # fmt: skip
        """Import the open directory from a binary file; done again, it changes and writes nothing (R66).

        ``file_is_complete`` vouches for a file that seems cut; ``dry_run`` reports the same, a massive loss included,
        and writes nothing. Raises NotAllowed, UnusableFile, DirectoryRefused (a massive loss that is not accepted),
        DatabaseBusy, DatabaseUnreachable (R67).
        """
        require_operator(actor, "importer l'annuaire")
        academie, source = int(self.academie_code), DirectoryFile(file, file_is_complete)
        if dry_run:
            return preview_import(self.database, academie, source)
        return import_directory(
            self.database, self.hasher, self.clock, academie, source, actor, accept_loss=accept_loss
        )

    def set_mailbox(self, uai: str, address: str | None, why: str, actor: Actor) -> MailboxChange:
        """Make ``address`` the mailbox in force, whatever later imports say; None takes the directory's again (R14).

        The reason and the address are notes of the journal: erasable. Raises NotAllowed, and DirectoryRefused with
        all the reasons.
        """
        require_operator(actor, "fixer la boîte d'un établissement")
        uai, why = normalise_uai(uai), clean_text(why)
        chosen = None if address is None else clean_mail(address)
        reasons = _mailbox_refusals(chosen, why)
        with self.database.write() as connection:
            query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).with_for_update(key_share=True)
            row = connection.execute(query).one_or_none() if has_uai_form(uai) else None
            if row is None:
                reasons.insert(0, unknown_establishment(uai, uai_problem(uai)))
            if reasons or row is None:
                raise DirectoryRefused(reasons)
            before, after = row.set_mailbox or row.mailbox, chosen or row.mailbox
            is_done = row.set_mailbox != chosen
            if is_done:
                now, is_this_one = self.clock.now(), ESTABLISHMENT.c.uai == uai
                connection.execute(update(ESTABLISHMENT).where(is_this_one).values(set_mailbox=chosen))
                notes = {"why": why} | ({"address": chosen} if chosen else {})
                data: dict[str, Scalar] = {"uai": uai, "cleared": chosen is None}
                installation.record(connection, self.hasher, MAILBOX_SET, actor, now, data, notes)
                if before != after:  # who entered by the former mailbox enters by this one
                    end_access_of_mailboxes(connection, self.hasher, {uai}, set(), actor, now)
            stuck = stuck_for(connection, uai, after) if after else []
        return MailboxChange(uai=uai, nom=row.nom, before=before, after=after, is_done=is_done, undelivered=len(stuck))

    def establishments(
        self, actor: Actor, filters: EstablishmentFilters, *, limit: int = 50, after: str = ""
    ) -> list[EstablishmentLine]:
        """A page of establishments, in the order of the UAI, those after the UAI ``after``; a chef's own (R3)."""
        with self.database.read() as connection:
            return list_establishments(
                connection, actor, filters, limit, after="".join(filter(str.isalnum, normalise_uai(after)))
            )

    def establishment(self, actor: Actor, uai: str) -> tuple[EstablishmentLine, list[EstablishmentRequest]]:
        """An establishment and its requests. Raises DirectoryRefused when it is unknown, or not this chef's (R3)."""
        uai = normalise_uai(uai)
        with self.database.read() as connection:
            row = find_establishment(connection, actor, uai)
            if row is None:
                raise DirectoryRefused([unknown_establishment(uai, uai_problem(uai))])
            return row, list_requests_of(connection, uai)


def _mailbox_refusals(address: str | None, why: str) -> list[Reason]:
    reasons: list[Reason] = []
    if address is not None and (problem := mail_problem(address)):
        advice = "Donner une seule adresse électronique."
        reasons.append(Reason("bad_mailbox", "R14", f"L'adresse {problem}", advice, "address"))
    if problem := text_problem(why):
        advice = "Dire en une phrase pourquoi, sans nommer personne."
        reasons.append(Reason("why_needed", "R14", f"La raison {problem}", advice, "why"))
    return reasons
