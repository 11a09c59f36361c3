"""The directory of one académie: imported from the open one, its mailboxes corrected by operators.

People read it in pages by UAI, each establishment with its requests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from notifications.messages.facts import Place
from notifications.messages.operator_reports import MailboxNews
from notifications.outbox.admin import stuck_for
from notifications.ports import Clock
from notifications.sql import batches
from states.decision import Scalar
from states.model import Actor, StandIn
from states.refusals import Reason, unknown_establishment
from states.rules.authorization import held_until
from states.validation import (
    MailDomains,
    chef_key,
    clean,
    clean_mail,
    clean_text,
    departement_name,
    fold,
    fold_mail,
    has_uai_form,
    mail_problem,
    name_problem,
    normalise_uai,
    text_problem,
    uai_problem,
)
from states.vocabulary import StandInKind, State
from workflow.auth.access import end_access_of_mailboxes
from workflow.auth.actors import (
    begin_stand_in,
    confirm_set_mailbox,
    end_set_mailboxes,
    find_set_mailbox,
    known_chef_name,
    remember_chef,
    require_operator,
)
from workflow.auth.bindings import end_bindings_of_chefs
from workflow.auth.substitutions import Substitutions
from workflow.auth.tokens import end_tokens_of
from workflow.database.connection import Database
from workflow.database.journal_tables import ACTOR, EVENT, NOTE
from workflow.database.mapping import mailbox_of
from workflow.database.tables import ESTABLISHMENT, IS_LIVE
from workflow.database.tables import ESTABLISHMENT as E
from workflow.database.tables import REQUEST as R
from workflow.directory.importer import (
    Comparison,
    DirectoryRefused,
    ImportReport,
    import_directory,
    mailbox_in_force,
    preview_import,
)
from workflow.directory.parser import SPECS, DirectoryFile, DirectorySource, DirectoryTable
from workflow.journal import chain
from workflow.journal.chain import INSTALLATION, JournalHasher
from workflow.mail import mailbox_now
from workflow.spreadsheets.columns import ColumnChoices, Columns
from workflow.spreadsheets.reader import Table

MAILBOX_SET: Final = "mailbox_set"
"""Kind of the journal's event by which an operator chooses a mailbox (R14)."""

MAILBOX_CONFIRMED: Final = "mailbox_confirmed"
"""Kind of the journal's event by which a second operator confirms it (R14)."""

NEW_CHEF: Final = "new_chef"
"""Kind of the journal's event by which an operator says who is chef from now on (R37)."""

MOST_TOLD: Final = 20
"""Mailboxes of one import of which each operator is told by a mail; each former mailbox is told of its own."""

IMPORTED: Final = "import de l'annuaire"
"""The reason of a mailbox that an import gives."""

MOST_EXPORTED: Final = 20_000
"""Establishments of a file: more than any académie has."""

DIRECTORY = "directory"
"""The kind under which a choice of columns is kept."""

IMPORTING = "importer l'annuaire"

_OWN_MAILBOX = Reason(
    "own_mailbox", "R14", "Vous avez fixé vous-même cette boîte", "La faire confirmer par un autre opérateur."
)


_OTHER_MAILBOX = Reason(
    "other_mailbox", "R14", "La boîte a changé depuis que cette page vous a été montrée : rien n'est confirmé",
    "Vérifier la nouvelle adresse auprès de l'établissement, puis la confirmer.",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentFilters:
    """The filters of a list of establishments; None and empty ones leave everything in.

    ``text`` is words of the name, the town or the UAI; with an « @ », the beginning of a mailbox.
    """

    departement: str | None = None
    is_open: bool | None = True
    without_mailbox: bool = False
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentLine:
    """An establishment with its mailboxes, ``mailbox`` being the one in force (R14), and its live requests' number.

    ``link_asked_at``: when somebody last asked to sign in for it while it had no mailbox.
    """

    uai: str
    nom: str
    kind: str
    commune: str
    departement: str
    mailbox: str | None
    directory_mailbox: str | None
    set_mailbox: str | None
    is_open: bool
    is_listed: bool
    live_requests: int
    telephone: str = ""
    departement_name: str = ""
    nature: str = ""
    chef_civility: str = ""
    link_asked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EstablishmentRequest:
    """A request of an establishment, in summary."""

    reference: str
    school_year: str
    nom: str
    prenom: str
    state: State
    changed_at: datetime
    chef_name: str = ""


@dataclass(frozen=True, slots=True)
class MailboxDecision:
    """An operator's last decision on a mailbox; ``why`` None once it was erased."""

    at: datetime
    who: str
    cleared: bool
    why: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MailboxChange:
    """The mailbox in force before and after, None when there is none; ``is_done`` False when it was so already.

    ``undelivered`` counts the mails that died of another address, and can be sent again to this one (R15).
    ``codes_from``: the instant from which a code may leave for it, None when it may at once (R14).
    """

    uai: str
    nom: str
    before: str | None
    after: str | None
    is_done: bool
    undelivered: int = 0
    codes_from: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChefChange:
    """The last chef known before and after, None when nobody was; ``is_done`` False when it was the same person."""

    uai: str
    nom: str
    before: str | None
    after: str
    is_done: bool


def list_establishments(
    connection: Connection, actor: Actor, filters: EstablishmentFilters, limit: int, after: str = ""
) -> list[EstablishmentLine]:
    """At most ``limit`` establishments whose UAI follows ``after``; a chef sees only its own (R3).

    A text is looked for in Python, without accents: an académie has a thousand establishments, not a million.
    """
    query = _query(actor).where(E.c.uai > after)
    if filters.departement is not None:
        query = query.where(E.c.departement == filters.departement)
    if filters.is_open is not None:
        query = query.where(E.c.is_open.is_(filters.is_open))
    if filters.without_mailbox:
        query = query.where(func.coalesce(E.c.set_mailbox, E.c.mailbox).is_(None))
    if not filters.text.strip():
        query = query.limit(limit)
    words, mailbox = fold(filters.text).split(), fold_mail(filters.text) if "@" in filters.text else ""

    def matches(row: Any) -> bool:
        if words and mailbox:
            return any(fold_mail(own).startswith(mailbox) for own in (row.mailbox, row.set_mailbox) if own)
        text = fold(f"{row.nom} {row.commune} {row.uai}")
        return all(word in text for word in words)

    return _lines_of(connection, list(islice(filter(matches, connection.execute(query)), limit)))


def find_establishment(connection: Connection, actor: Actor, uai: str) -> EstablishmentLine | None:
    """An establishment, open or not; None when it is unknown, or not this chef's (R3)."""
    if not has_uai_form(uai):
        return None
    lines = _lines_of(connection, connection.execute(_query(actor).where(E.c.uai == uai)).all())
    return lines[0] if lines else None


def list_requests_of(connection: Connection, uai: str) -> list[EstablishmentRequest]:
    """The requests of an establishment, the latest school year first."""
    columns = (R.c.reference, R.c.school_year, R.c.nom, R.c.prenom, R.c.state, R.c.changed_at, R.c.chef_name)
    rows = connection.execute(select(*columns).where(R.c.uai == uai).order_by(R.c.reference.desc()))
    return [EstablishmentRequest(**(dict(row) | {"state": State(row["state"])})) for row in rows.mappings()]


def find_last_mailbox_decision(connection: Connection, uai: str) -> MailboxDecision | None:
    """The operator who last set or gave back a mailbox, when and why; None when nobody ever did (R14)."""
    is_reason = and_(NOTE.c.stream == EVENT.c.stream, NOTE.c.seq == EVENT.c.seq, NOTE.c.field == "why")
    query = select(EVENT.c.at, EVENT.c.canonical, ACTOR.c.label, NOTE.c.body).outerjoin(
        ACTOR, ACTOR.c.number == EVENT.c.actor
    )
    row = connection.execute(
        query.outerjoin(NOTE, is_reason)
        .where(
            EVENT.c.stream == INSTALLATION, EVENT.c.kind == MAILBOX_SET,
            EVENT.c.canonical.contains(f'"uai":"{uai}"', autoescape=True),
        )
        .order_by(EVENT.c.seq.desc())
        .limit(1)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return MailboxDecision(row.at, row.label or "", '"cleared":true' in row.canonical, row.body)


def count_stuck_mails(connection: Connection, uai: str) -> int:
    """Count the mails that died of their address and can be sent again to the mailbox of today (R15)."""
    mailbox = mailbox_now(connection, uai)
    return len(stuck_for(connection, uai, mailbox)) if mailbox else 0


def _query(actor: Actor) -> Select[Any]:
    query = select(E)
    if actor.is_establishment:
        query = query.where(E.c.uai.in_(sorted(actor.establishments)))
    return query.order_by(E.c.uai)


def _lines_of(connection: Connection, rows: Sequence[Any]) -> list[EstablishmentLine]:
    """The lines of these rows, with one more query for their live requests."""
    uais = [row.uai for row in rows]
    counts = select(R.c.uai, func.count().label("number")).where(R.c.uai.in_(uais), IS_LIVE).group_by(R.c.uai)
    live = {row.uai: row.number for row in connection.execute(counts)}
    return [
        EstablishmentLine(
            uai=row.uai, nom=row.nom, kind=row.kind, commune=row.commune, departement=row.departement,
            mailbox=row.set_mailbox or row.mailbox, directory_mailbox=row.mailbox, set_mailbox=row.set_mailbox,
            is_open=row.is_open, is_listed=row.is_listed, live_requests=live.get(row.uai, 0),
            telephone=row.telephone, nature=row.nature, chef_civility=row.chef_civility,
            departement_name=row.departement_name or (departement_name(row.departement) if row.departement else ""),
            link_asked_at=row.link_asked_at,
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True)
class Directory:
    """One académie's establishments. ``academie_code`` is the settings' own, ``"16"`` for Toulouse.

    ``tell`` is called of every mailbox that changes, in the same transaction; ``mailbox_hold``: how long a code waits
    for a second operator before it leaves for a mailbox that one has set (R14); ``substitutions`` end with the mailbox
    of either person, and say so (R114).
    """

    database: Database
    hasher: JournalHasher
    clock: Clock
    academie_code: str
    domains: MailDomains = field(default_factory=MailDomains)
    mailbox_hold: timedelta = timedelta(hours=24)
    tell: Callable[[Connection, MailboxNews], None] = lambda *_: None  # in a test of the directory alone
    substitutions: Substitutions | None = None

    def import_file(
        self, file: BinaryIO, actor: Actor, *, dry_run: bool = False, accept_loss: bool = False,
        file_is_complete: bool = False, choice: Mapping[str, str] | None = None,
    ) -> ImportReport:  # fmt: skip
        """Import the directory from a binary file; done again, it changes and writes nothing (R66).

        ``file_is_complete`` vouches for a file that seems cut; ``choice`` names the columns of some keys by their
        title or their letter, and is kept for the same titles; ``dry_run`` reports the same, a massive loss included,
        and writes nothing. Raises NotAllowed, UnusableFile, DirectoryRefused (a massive loss that is not accepted),
        DatabaseBusy, DatabaseUnreachable (R67, R91).
        """
        require_operator(actor, IMPORTING)
        source = DirectoryFile(
            file, file_is_complete, lambda table: self.columns.recognise(DIRECTORY, table, SPECS, named=choice),
            has_choice=bool(choice),
        )  # fmt: skip
        report = self._import(source, actor, dry_run=dry_run, accept_loss=accept_loss)
        if choice and source.columns and not dry_run:
            self.columns.keep(DIRECTORY, source.columns)
        return report

    def import_table(
        self, table: Table, columns: Columns, actor: Actor, *, dry_run: bool = False, accept_loss: bool = False
    ) -> ImportReport:
        """The same of a table that was read, rows of another width being refused one by one."""
        require_operator(actor, IMPORTING)
        source = DirectoryTable(columns, table.digest)
        return self._import(source, actor, dry_run=dry_run, accept_loss=accept_loss)

    def _import(self, source: DirectorySource, actor: Actor, *, dry_run: bool, accept_loss: bool) -> ImportReport:
        academie = int(self.academie_code)
        if dry_run:
            return preview_import(self.database, academie, source, self._is_evident)
        return import_directory(
            self.database, self.hasher, self.clock, academie, source, actor, self._is_evident,
            lambda connection, comparison, now: self._follow_mailboxes(connection, comparison, actor, now),
            accept_loss=accept_loss,
        )  # fmt: skip

    def _follow_mailboxes(self, connection: Connection, comparison: Comparison, actor: Actor, now: datetime) -> None:
        """End what former mailboxes opened; a new one that is not evidently its establishment's own counts as set by
        who imports (R120)."""
        moved = comparison.moved
        end_access_of_mailboxes(connection, self.hasher, self.substitutions, set(moved), comparison.closed, actor, now)
        for uais in batches(moved):
            end_set_mailboxes(connection, uais, now)
        if chosen := comparison.chosen(self._is_evident):
            begin_stand_in(connection, StandInKind.MAILBOX, [row["uai"] for row in chosen], actor, now)
        for number, row in enumerate(row for row in chosen if moved.get(row["uai"])):
            self.tell(
                connection,
                MailboxNews(
                    place=Place(uai=row["uai"], nom=row["nom"], commune=row["commune"]), before=moved[row["uai"]],
                    after=mailbox_in_force(row), operator=actor.label, why=IMPORTED, at=now,
                    codes_from=now + self.mailbox_hold, tells_operators=number < MOST_TOLD,
                ),
            )  # fmt: skip

    def _is_evident(self, uai: str, mailbox: str | None) -> bool:
        """True of a mailbox that nobody can have chosen, and of none."""
        return not mailbox or self.domains.is_of_establishment(mailbox, uai)

    @property
    def columns(self) -> ColumnChoices:
        """The columns that people chose by hand."""
        return ColumnChoices(self.database, self.clock)

    def set_mailbox(
        self, uai: str, address: str | None, why: str, actor: Actor, *, confirmed: bool = False
    ) -> MailboxChange:  # fmt: skip
        """Make ``address`` the mailbox in force, whatever later imports say; None takes the directory's again (R14).

        ``confirmed``: the address is right although it is not of a usual domain. The reason and the address are notes
        of the journal: erasable. Raises NotAllowed, and DirectoryRefused with all the reasons.
        """
        require_operator(actor, "fixer la boîte d'un établissement")
        uai, why = normalise_uai(uai), clean_text(why)
        chosen = None if address is None else clean_mail(address)
        reasons = _mailbox_refusals(chosen, why, self.domains, confirmed=confirmed)
        now = self.clock.now()
        with self.database.write() as connection:
            row = _locked(connection, uai, reasons)
            before, after = row.set_mailbox or row.mailbox, chosen or row.mailbox
            is_done = row.set_mailbox != chosen
            if is_done:
                is_this_one = ESTABLISHMENT.c.uai == uai
                connection.execute(update(ESTABLISHMENT).where(is_this_one).values(set_mailbox=chosen))
                end_set_mailboxes(connection, [uai], now)
                is_evident = self._is_evident(uai, after)
                if chosen or not is_evident:  # the directory's may be what an import chose (R120)
                    is_known = chosen == row.mailbox and is_evident
                    begin_stand_in(connection, StandInKind.MAILBOX, [uai], actor, now, is_confirmed=is_known)
                notes = {"why": why} | ({"address": chosen} if chosen else {})
                data: dict[str, Scalar] = {"uai": uai, "cleared": chosen is None}
                chain.record(connection, self.hasher, MAILBOX_SET, actor, now, data, notes)
            codes_from = held_until(find_set_mailbox(connection, uai), now, self.mailbox_hold)
            if is_done and before != after:  # who entered by the former mailbox enters by this one
                end_access_of_mailboxes(connection, self.hasher, self.substitutions, {uai}, set(), actor, now)
                self.tell(
                    connection,
                    MailboxNews(
                        place=Place(uai=uai, nom=row.nom, commune=row.commune), before=before, after=after,
                        operator=actor.label, why=why, at=now, codes_from=codes_from,
                    ),
                )  # fmt: skip
            stuck = stuck_for(connection, uai, after) if after else []
        return MailboxChange(
            uai=uai, nom=row.nom, before=before, after=after, is_done=is_done, undelivered=len(stuck),
            codes_from=codes_from,
        )  # fmt: skip

    def confirm_mailbox(self, uai: str, actor: Actor, *, seen: str | None = None) -> bool:
        """Confirm the mailbox that another operator has set: codes leave for it at once (R14).

        ``seen``: the address that was shown to this operator, who confirms no other. Returns False when there was
        nothing to confirm. Raises NotAllowed, and DirectoryRefused for who set it himself, or saw another.
        """
        require_operator(actor, "confirmer la boîte d'un établissement")
        uai, now = normalise_uai(uai), self.clock.now()
        with self.database.write() as connection:
            row = _locked(connection, uai, [])
            set_mailbox = find_set_mailbox(connection, uai)
            if set_mailbox is None or set_mailbox.confirmed_at:
                return False
            if set_mailbox.operator in actor.numbers:
                raise DirectoryRefused([_OWN_MAILBOX])
            if seen is not None and seen != mailbox_of(row):
                raise DirectoryRefused([_OTHER_MAILBOX])
            confirm_set_mailbox(connection, uai, actor, now)
            chain.record(connection, self.hasher, MAILBOX_CONFIRMED, actor, now, {"uai": uai})
        return True

    def name_new_chef(self, uai: str, name: str, actor: Actor) -> ChefChange:
        """Make this person the chef known of an establishment, as he says himself when he first signs in (R37).

        What opened the portal to the former chef ends: national identity, tokens, substitutions. No check falls by it:
        the new chef's own acts alone void one. Raises NotAllowed, and DirectoryRefused with all the reasons.
        """
        require_operator(actor, "dire qu'un nouveau chef d'établissement est là")
        uai, name, now = normalise_uai(uai), clean(name), self.clock.now()
        problem = name_problem(name)
        advice = "Donner ses prénom et nom."
        reasons = [Reason("bad_chef_name", "R37", f"Le nom {problem}", advice, "name")] if problem else []
        with self.database.write() as connection:
            row = _locked(connection, uai, reasons)
            before = known_chef_name(connection, uai)
            is_done = chef_key(before or "") != chef_key(name)
            if is_done:
                remember_chef(connection, [uai], name, is_new=True)
                chain.record(connection, self.hasher, NEW_CHEF, actor, now, {"uai": uai})
                end_tokens_of(connection, self.hasher, {uai}, actor, "chef_changed", now)
                end_bindings_of_chefs(connection, self.hasher, {uai}, actor, now)
        return ChefChange(
            uai=uai, nom=row.nom, before=before, after=name if is_done else before or name, is_done=is_done
        )

    def set_mailbox_of(self, uai: str) -> tuple[StandIn | None, datetime | None]:
        """The mailbox in force as an operator set it, and the instant from which a code may leave for it (R14)."""
        with self.database.read() as connection:
            set_mailbox = find_set_mailbox(connection, uai)
        return set_mailbox, held_until(set_mailbox, self.clock.now(), self.mailbox_hold)

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


def _locked(connection: Connection, uai: str, reasons: list[Reason]) -> Row[Any]:
    """The establishment's row. Raises DirectoryRefused with these reasons, and that of an unknown establishment."""
    query = select(ESTABLISHMENT).where(ESTABLISHMENT.c.uai == uai).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none() if has_uai_form(uai) else None
    if row is None:
        reasons = [unknown_establishment(uai, uai_problem(uai)), *reasons]
    if reasons or row is None:
        raise DirectoryRefused(reasons)
    return row


def _mailbox_refusals(address: str | None, why: str, domains: MailDomains, *, confirmed: bool) -> list[Reason]:
    reasons: list[Reason] = []
    if address is not None and (problem := mail_problem(address)):
        advice = f"Donner une seule adresse électronique, par exemple ce.0310001h@{domains.own}."
        reasons.append(Reason("bad_mailbox", "R14", f"L'adresse {problem}", advice, "address"))
    elif address is not None and not confirmed and not domains.is_usual(address):
        likely = domains.likely_domain(address)
        reasons.append(unusual_mailbox(likely))
    if problem := text_problem(why):
        advice = "Dire en une phrase pourquoi, sans nommer personne."
        reasons.append(Reason("why_needed", "R14", f"La raison {problem}", advice, "why"))
    return reasons


def unusual_mailbox(likely: str) -> Reason:
    """The refusal of a mailbox outside the usual domains; ``likely`` is the domain that was probably meant."""
    doubt = f" : le domaine ressemble à « {likely} »" if likely else ""
    return Reason(
        "unusual_mailbox", "R14", f"Cette adresse n'est pas de celles de l'académie{doubt}",
        "La corriger, ou confirmer que c'est bien la boîte de l'établissement.", "mail_confirmed",
    )  # fmt: skip
