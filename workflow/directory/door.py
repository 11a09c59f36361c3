"""The directory as the rest of the house uses it."""

from dataclasses import dataclass
from typing import BinaryIO

from notifications.ports import Clock
from states.actors import Actor
from states.refusals import unknown_establishment
from states.words import normalise_uai, uai_problem
from workflow.database import Database
from workflow.directory import importing, listing, mailbox, refusals
from workflow.directory.imported import Imported
from workflow.directory.listing import Criteria, Listed, OfRequest
from workflow.directory.mailbox import MailboxChange
from workflow.journal import Notary


@dataclass(frozen=True)
class Directory:
    """One académie's establishments. ``academie_code`` is the settings' own, ``"16"`` for Toulouse."""

    database: Database
    notary: Notary
    clock: Clock
    academie_code: str

    def import_file(
        self, file: BinaryIO, actor: Actor, *, dry_run: bool = False, accept_loss: bool = False
    ) -> Imported:
        """Import the open directory from a binary file; done again, it changes and writes nothing (R66).

        ``dry_run`` says the same and writes nothing, a massive loss included. Raises UnusableFile, DirectoryRefused
        (not an operator; a massive loss that is not accepted), DatabaseBusy, DatabaseUnreachable (R67).
        """
        refusals.require_operator(actor, "importer l'annuaire")
        academie = int(self.academie_code)
        if dry_run:
            return importing.preview(self.database, academie, file)
        return importing.bring_in(
            self.database, self.notary, self.clock, academie, file, actor, accept_loss=accept_loss
        )

    def set_mailbox(self, uai: str, address: str | None, why: str, actor: Actor) -> MailboxChange:
        """Set a mailbox that imports leave alone, or None to take the directory's again (R14).

        Raises DirectoryRefused with all the reasons.
        """
        return mailbox.set_mailbox(self.database, self.notary, self.clock, actor, uai, address, why)

    def establishments(self, actor: Actor, criteria: Criteria, *, limit: int = 50, after: str = "") -> list[Listed]:
        """A page of establishments, in the order of the UAI, those after the UAI ``after``; a chef's own (R3)."""
        with self.database.read() as connection:
            return listing.page(connection, actor, criteria, limit, "".join(filter(str.isalnum, normalise_uai(after))))

    def establishment(self, actor: Actor, uai: str) -> tuple[Listed, list[OfRequest]]:
        """An establishment and its requests. Raises DirectoryRefused when it is unknown, or not this chef's (R3)."""
        uai = normalise_uai(uai)
        with self.database.read() as connection:
            found = listing.one(connection, actor, uai)
            if found is None:
                raise refusals.DirectoryRefused([unknown_establishment(uai, uai_problem(uai))])
            return found, listing.requests_of(connection, uai)
