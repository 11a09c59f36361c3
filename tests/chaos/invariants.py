"""What must be true after a campaign, whatever happened: the journal, the answers, the mails and the codes."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, or_, select

from notifications.messages.planning import TO_ESTABLISHMENT
from notifications.outbox.store import MAILS, SEALS
from notifications.vocabulary import CODE_KINDS, Fault, Kind, Stage
from states.transitions import BY_TRIGGER
from states.vocabulary import State, Trigger
from tests.chaos.installation import YEAR, ChaosInstallation
from tests.chaos.people import Attempt, Ledger
from tests.chaos.relay import CODE_BEGINS, ProvingRelay
from workflow.database.journal_tables import EVENT
from workflow.database.schedule_tables import OCCURRENCE
from workflow.database.tables import REMOVAL, REQUEST
from workflow.engine.idempotency import KEY

PEOPLE: Final = ("chef", "operator")
ENDINGS: Final = (Stage.SENT, Stage.UNCERTAIN, Stage.DEAD, Stage.CANCELLED)
_MAILS: Final = (
    "id", "kind", "reference", "recipient", "stage", "fault", "lease_token", "lease_until", "next_attempt_at",
    "message_id", "doubted_at", "attempts", "last_reply",
)  # fmt: skip
_EVENTS: Final = ("stream", "seq", "kind", "from_state", "to_state", "role", "canonical")


@dataclass(frozen=True)
class Invariant:
    """One of them: what it says, how much it was tried on, and each breach in a line."""

    name: str
    tried_on: int
    breaches: list[str]

    @property
    def holds(self) -> bool:
        return not self.breaches


class Books:
    """The database at rest, read once, beside what the clients and the relay know."""

    def __init__(
        self, installation: ChaosInstallation, ledger: Ledger, relay: ProvingRelay, interruptions: int, *,
        has_year_end: bool,
    ) -> None:  # fmt: skip
        """``interruptions``: how many sendings a process or a connection may have been cut in."""
        self._installation, self._ledger, self._relay, self._interruptions = installation, ledger, relay, interruptions
        self._has_year_end = has_year_end
        with installation.app.database.read() as connection:
            self.mails = list(connection.execute(select(*(MAILS.c[name] for name in _MAILS))))
            events = connection.execute(select(*(EVENT.c[name] for name in _EVENTS)).order_by(EVENT.c.seq)).all()
            self.requests = {row.reference: row for row in connection.execute(select(REQUEST))}
            self.keys = list(connection.execute(select(KEY.c.trigger, KEY.c.key, KEY.c.reference, KEY.c.version)))
            self.removals = Counter(connection.execute(select(REMOVAL.c.reference)).scalars())
            self.occurrences = list(connection.execute(select(OCCURRENCE.c.key)).scalars())
            sealed = select(SEALS.c.reference).where(SEALS.c.ciphertext.is_not(None))
            self.sealed = Counter(connection.execute(sealed).scalars())
        self.installation_kinds = Counter(row.kind for row in events if row.stream == "installation")
        self.events = [row for row in events if row.stream != "installation"]
        self.copies = relay.copies()

    def all(self) -> list[Invariant]:
        """Every invariant that needs no process."""
        attempts = self._ledger.attempts
        return [
            Invariant("chaque action acquittée est une fois au journal", len(attempts), [*self._acknowledged()]),
            Invariant("chaque événement d'une personne vient d'une seule action", len(self.events), [*self._sole()]),
            Invariant("l'état de chaque demande est celui que ses événements donnent", len(self.requests),
                      [*self._replayed()]),
            Invariant("à chaque événement ses courriels, une fois", len(self.mails), [*self._written()]),
            Invariant("aucun courriel perdu, aucun en double sans qu'on le sache", len(self.mails), [*self._sent()]),
            Invariant("les envois douteux ont chacun leur cause", self.doubtful, [*self._bounded()]),
            Invariant("un code : une demande, un destinataire, une fois", len(self._relay.kept), [*self._codes()]),
            Invariant("un retrait de droits par clé révoquée, une fois", sum(self.removals.values()),
                      [*self._removals()]),
            Invariant("la fin de l'année est passée, une fois", len(self.occurrences), [*self._year_end()]),
            Invariant("aucune réponse inattendue de l'interface", len(attempts), self._ledger.oddities),
        ]  # fmt: skip

    @property
    def doubtful(self) -> int:
        """How many mails may be with their recipient twice, as the software itself says."""
        return sum(mail.doubted_at is not None for mail in self.mails)

    @property
    def doubles(self) -> int:
        """How many mails the relay took more than once."""
        return sum(self.copies[mail.message_id] > 1 for mail in self.mails if mail.message_id)

    def _acknowledged(self) -> Iterator[str]:
        keys: dict[str, list[Any]] = {}
        for row in self.keys:
            keys.setdefault(row.key, []).append(row)
        for attempt in self._ledger.attempts:
            rows = keys.pop(f"api:{attempt.key}", [])
            if len(rows) > 1:
                yield f"{attempt.key}: {len(rows)} fois"
            elif attempt.status in (200, 201):
                done = [(row.trigger, row.reference, row.version) for row in rows]
                if done != [(attempt.trigger, attempt.reference, attempt.version)]:
                    yield f"{attempt}: acquittée, et le journal a {done}"
            elif attempt.status is not None and rows and not attempt.cuts:
                yield f"{attempt}: refusée, et elle est au journal"
        yield from (f"{key}: au journal, et personne ne l'a demandé" for key in keys)
        born = Counter(row.folded_mail for row in self.requests.values() if row.renews is None)
        declared = Counter(attempt.mail for attempt in self._declared())
        yield from (f"{mail}: déclaré {declared[mail]} fois, {born[mail]} demandes" for mail in declared
                    if born[mail] < declared[mail])  # fmt: skip

    def _declared(self) -> Iterable[Attempt]:
        return (attempt for attempt in self._ledger.attempts if attempt.trigger == "declare" and attempt.status == 201)

    def _sole(self) -> Iterator[str]:
        done = Counter((row.reference, row.version, row.trigger) for row in self.keys)
        wrote = Counter((row.stream, row.seq, row.kind) for row in self.events if row.role in PEOPLE)
        for key in done.keys() | wrote.keys():
            if (done[key], wrote[key]) != (1, 1):
                yield f"{key}: {done[key]} action, {wrote[key]} événement"

    def _replayed(self) -> Iterator[str]:
        states: dict[str, tuple[str | None, int]] = {}
        for event in self.events:
            state, seq = states.get(event.stream, (None, 0))
            arrows = BY_TRIGGER[Trigger(event.kind)].arrows
            arrow = (event.from_state and State(event.from_state), State(event.to_state))
            if event.seq != seq + 1 or event.from_state != state or arrow not in arrows:
                yield f"{event.stream} n° {event.seq}: {event.kind} de {event.from_state}, après {state} n° {seq}"
            states[event.stream] = event.to_state, event.seq
        for reference, row in self.requests.items():
            if states.pop(reference, None) != (row.state, row.version) or row.chain_length != row.version:
                yield f"{reference}: {row.state} n° {row.version}, chaîne de {row.chain_length}"
        yield from (f"{stream}: des événements sans demande" for stream in states)

    def _written(self) -> Iterator[str]:
        """The mails to the establishment and to the operators that follow from each event."""
        due: Counter[tuple[Kind, str]] = Counter()
        for event in self.events:
            trigger, data = Trigger(event.kind), json.loads(event.canonical).get("data", {})
            if trigger is Trigger.ISSUE_CODE:
                due[Kind.CODE_ISSUED, event.stream] += 1
            elif trigger is Trigger.CONFIRM_REMOVAL:
                due[Kind.REMOVAL_CONFIRMED, event.stream] += 1
            elif trigger is Trigger.REOPEN_REMOVAL:
                due[Kind.REMOVAL_REOPENED, event.stream] += 1
                due[Kind.REMOVAL_TASK, event.stream] += 1
            elif trigger in TO_ESTABLISHMENT:
                due[TO_ESTABLISHMENT[trigger][0], event.stream] += 1
            if trigger is Trigger.SUBMIT:
                due[Kind.NEW_REQUEST, event.stream] += 1
            elif trigger is Trigger.REPORT_CHANGE:
                due[Kind.CHANGE_TO_HANDLE, event.stream] += 1
            elif trigger is not Trigger.EXPIRE and data.get("removal"):
                due[Kind.REMOVAL_TASK, event.stream] += 1
        kinds = {kind.value for kind, _ in due}
        wrote = Counter((mail.kind, mail.reference) for mail in self.mails if mail.kind in kinds)
        plain = Counter({(kind.value, stream): count for (kind, stream), count in due.items()})
        for key in plain.keys() | wrote.keys():
            if plain[key] != wrote[key]:
                yield f"{key}: {plain[key]} événement, {wrote[key]} courriel"

    def _sent(self) -> Iterator[str]:
        dead = Counter(Fault(mail.fault) for mail in self.mails if mail.stage == Stage.DEAD and mail.fault)
        for fault, count in dead.items():
            if count > self._relay.refused[fault]:
                yield f"{count} courriels {fault}, et le relais l'a dit {self._relay.refused[fault]} fois"
        for mail in self.mails:
            copies, stage = self.copies[mail.message_id or "?"], Stage(mail.stage)
            who = f"courriel {mail.id} ({mail.kind}, {mail.stage}, {mail.fault}, {copies} exemplaire)"
            if stage not in ENDINGS:
                yield f"{who}: sans issue"
            if mail.lease_token or mail.lease_until or mail.next_attempt_at:
                yield f"{who}: encore réservé, ou encore à envoyer"
            if stage is not Stage.SENT and not mail.fault:
                yield f"{who}: rien ne dit pourquoi"
            if mail.doubted_at is None and copies != (stage is Stage.SENT):
                yield f"{who}: sans doute déclaré"
            if copies > 2 or (stage is Stage.SENT and not copies):
                yield f"{who}: trop, ou rien"
        known = {mail.message_id for mail in self.mails}
        yield from (f"{name}: à personne" for name in self.copies if name not in known)

    def _bounded(self) -> Iterator[str]:
        bound = self._interruptions + self._relay.doubtful_ends
        if self.doubtful > bound:
            yield f"{self.doubtful} envois douteux, {bound} causes au plus"

    def _codes(self) -> Iterator[str]:
        attempts = {attempt.code: attempt for attempt in self._ledger.attempts if attempt.code}
        mails = {mail.message_id: mail for mail in self.mails if mail.message_id}
        issued = Counter(event.stream for event in self.events if event.kind in ("issue_code", "reissue_code"))
        codes_sent: dict[str, set[str]] = {}
        for copy in self._relay.kept:
            mail = mails.get(copy.message_id)
            if mail is None:
                continue
            if (mail.kind in CODE_KINDS) != (len(copy.codes) == 1):
                yield f"courriel {mail.id} ({mail.kind}): {len(copy.codes)} code"
            for code in copy.codes:
                attempt = attempts.get(code)
                if attempt is None or attempt.reference != mail.reference:
                    yield f"courriel {mail.id}: le code d'une autre demande"
                elif copy.recipients != (self._installation.mailbox(self.requests[mail.reference].uai),):
                    yield f"courriel {mail.id}: un code à {copy.recipients}"
                codes_sent.setdefault(mail.reference, set()).add(code)
        for reference, codes in codes_sent.items():
            if len(codes) > issued[reference]:
                yield f"{reference}: {len(codes)} codes partis, {issued[reference]} émis"
        for reference, count in self.sealed.items():
            row = self.requests[reference]
            if count > 1 or row.state == State.REVOKED or row.handed_on:
                yield f"{reference}: {count} code gardé, {row.state}, remis le {row.handed_on}"

    def _removals(self) -> Iterator[str]:
        opened = Counter(
            event.stream for event in self.events if json.loads(event.canonical).get("data", {}).get("removal")
        )
        for reference in opened.keys() | self.removals.keys():
            if (opened[reference], self.removals[reference]) != (1, 1):
                yield f"{reference}: {opened[reference]} révocation, {self.removals[reference]} retrait"

    def _year_end(self) -> Iterator[str]:
        wanted = {"year_ended": int(self._has_year_end), "year_end_held": 0}
        for kind, times in wanted.items():
            if self.installation_kinds[kind] != times:
                yield f"{kind}: {self.installation_kinds[kind]} fois au journal"
        reports = sum(mail.kind == Kind.YEAR_END_REPORT for mail in self.mails)
        if reports > 1:
            yield f"{reports} bilans de fin d'année"
        ended = {event.stream for event in self.events if event.kind == "expire"}
        recipients = Counter(mail.recipient for mail in self.mails if mail.kind == Kind.YEAR_END)
        schools = {self._installation.mailbox(self.requests[reference].uai) for reference in ended}
        if recipients != Counter(schools):
            yield f"fin d'année: {len(schools)} établissements, {dict(recipients)}"
        live = [row.reference for row in self.requests.values() if row.state != State.REVOKED]
        unfinished = [reference for reference in live if self.requests[reference].school_year == str(YEAR)]
        if not self._has_year_end:
            return
        yield from (f"{reference}: en cours après la fin de {YEAR}" for reference in unfinished)


def restless(installation: ChaosInstallation) -> int:
    """How many mails are still to be sent, held, or being sent."""
    some = or_(*(MAILS.c[name].is_not(None) for name in ("next_attempt_at", "lease_until", "lease_token")))
    with installation.app.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(MAILS).where(some)).scalar_one())


def files_with_a_code(folders: Iterable[Path]) -> tuple[int, list[str]]:
    """How many files there are, and those that hold a code in clear (R60)."""
    files = [Path(place) / name for folder in folders for place, _, names in os.walk(folder) for name in names]
    plain = [path for path in files if path.is_file()]
    return len(plain), [f"{path.name}: un code en clair" for path in plain if CODE_BEGINS.encode() in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
