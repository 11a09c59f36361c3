"""Checks the seals, and the journal by them: those of the database, and those that were sent (R109).

A chain whose head was sealed cannot lose its end, be removed or be written anew without it: the event of this number
must have this hash. Who could sign again every seal of the database cannot call back those that left it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import Final

from sqlalchemy import Connection, and_, func, select

from notifications.messages.operator_reports import seal_key
from notifications.outbox.store import MAILS
from notifications.vocabulary import Stage
from states.french import day as french_day
from workflow.database.journal_tables import EVENT, JOURNAL_SEAL, SEALED_HEAD
from workflow.journal.chain import INSTALLATION
from workflow.journal.sealing import SEALED, by_bytes, is_filed
from workflow.journal.seals import FIRST, LinesDigest, SealContent, SealedLine, SentSeal, SignedSeal
from workflow.journal.verification import STREAMED, UNPROVEN, JournalError, event_data

STORED_SPOTS: Final = (
    "ce qui a changé depuis le dernier sceau",
    "tout, sceaux compris, récrit par qui tient la base et la clé des sceaux : seuls les sceaux envoyés le montrent",
    *UNPROVEN,
)
"""What the stored seals cannot show."""

SENT_SPOTS: Final = (
    "ce qui a changé depuis le dernier sceau donné",
    *UNPROVEN,
)
"""What the seals that were sent cannot show."""


@dataclass(frozen=True, slots=True)
class ReadSeal:
    """A seal whose text is one; ``source`` is a file's name, empty for the database's."""

    content: SealContent
    signed: SignedSeal
    source: str = ""

    @property
    def place(self) -> str:
        """The name that a report gives it."""
        return f"sceau {self.content.number}{f' ({self.source})' if self.source else ''}"


@dataclass
class SealReport:
    """The result of a check of seals. ``notices`` are French sentences on what is no flaw by itself: holes, a clock."""

    flaws: list[JournalError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    stored: int = 0
    sent: int = 0
    lines: int = 0
    last_day: date | None = None

    def add(self, place: str, message: str, seq: int | None = None) -> None:
        """Note a flaw."""
        self.flaws.append(JournalError(place, seq, message))


class SealVerifier:
    """Checks seals against one another, and the database against them.

    ``trusted`` are public keys known from elsewhere: on paper, or this machine's own. Without any, the first seal's is
    believed.
    """

    def __init__(self, connection: Connection, today: date, trusted: Collection[str] = ()) -> None:
        self._connection, self._today, self._trusted = connection, today, frozenset(trusted)
        self._broken: dict[str, tuple[str, SealedLine]] = {}

    def check(self, sent: Sequence[SentSeal] | None = None) -> SealReport:
        """Check the stored seals, and those that were sent if any are given."""
        report = SealReport()
        stored = self._stored(report)
        report.stored = len(stored)
        self._check_line(stored, report)
        self._check_events_of_seals(stored, report)
        self._check_stored_heads(stored, report)
        if stored:
            self._check_all_heads(stored[-1], report)
            report.last_day = stored[-1].content.day
        elif not sent:
            report.notices.append("aucun sceau : le premier se fait au prochain passage de l'échéancier")
        if sent is not None:
            self._check_sent(sent, stored, report)
        if report.last_day and (late := (self._today - report.last_day).days) > 1:
            report.notices.append(f"le dernier sceau est du {french_day(report.last_day)}, il y a {late} jours")
        self._name_broken(report)
        return report

    def _stored(self, report: SealReport) -> list[ReadSeal]:
        seals = []
        for row in self._connection.execute(select(JOURNAL_SEAL).order_by(JOURNAL_SEAL.c.number)):
            seal = _read(SignedSeal(row.text, row.signature), "")
            if seal is None or (seal.content.number, seal.content.day, seal.content.at) != (
                row.number,
                row.day,
                row.at,
            ):
                report.add(f"sceau {row.number}", "modifié : ce n'est plus le texte d'un sceau, ou pas de celui-ci")
            if seal is not None:
                seals.append(seal)
        return seals

    def _check_line(self, seals: Sequence[ReadSeal], report: SealReport) -> None:
        """Check that each seal is signed, follows the one before, and that its key was announced or is known."""
        for seal in seals:
            if not seal.signed.is_signed_by(seal.content.key):
                report.add(seal.place, "modifié : sa signature n'est pas celle de son texte")
        # The line of keys passes by one that is trusted: what announces it vouches for it.
        keys = {key for seal in seals for key in (seal.content.key, seal.content.key_of_the_next)}
        if seals and self._trusted and self._trusted.isdisjoint(keys):
            report.add(seals[0].place, f"signé par une clé qui n'est pas des vôtres : {seals[0].content.key}")
        if seals and seals[0].content.number == 1 and seals[0].content.previous != FIRST:
            report.add(seals[0].place, "modifié : le premier sceau n'en suit aucun")
        for before, after in pairwise(seals):
            self._check_pair(before, after, report)

    def _check_pair(self, before: ReadSeal, after: ReadSeal, report: SealReport) -> None:
        old, new = before.content, after.content
        if new.installation != old.installation:
            report.add(after.place, "il est d'une autre installation que le précédent")
        follows = new.number == old.number + 1
        if follows and new.previous != old.hash:
            report.add(after.place, f"il ne suit pas le sceau {old.number} : l'un des deux a été remplacé")
        if new.key != old.key_of_the_next and new.key in self._trusted:
            report.notices.append(f"{after.place} : l'ancienne clé n'a pas annoncé la sienne, que vous connaissez")
        elif new.key != old.key_of_the_next:
            if follows:
                report.add(after.place, f"signé par une clé nouvelle, que l'ancienne n'a pas annoncée : {new.key}")
            else:
                report.notices.append(f"{after.place} : sa clé a changé pendant que des sceaux manquent ({new.key})")
        if new.day < old.day or new.at < old.at:
            report.notices.append(f"{after.place} : il est daté d'avant le précédent ; l'horloge avait reculé")
        if not follows:
            _tell_numbers(before, after, report)
        elif (missing := (new.day - old.day).days - 1) > 0:
            first, last = old.day + timedelta(days=1), new.day - timedelta(days=1)
            days = f"le {french_day(first)}" if missing == 1 else f"du {french_day(first)} au {french_day(last)}"
            report.notices.append(f"aucun sceau {days} : le service était arrêté, ou son horloge retenue")

    def _check_events_of_seals(self, stored: Sequence[ReadSeal], report: SealReport) -> None:
        """Compare the stored seals with the events that the journal holds of their making."""
        query = select(EVENT.c.canonical).where(EVENT.c.stream == INSTALLATION, EVENT.c.kind == SEALED)
        made: dict[int, str] = {}
        for text in self._connection.execute(query.order_by(EVENT.c.seq), execution_options=STREAMED).scalars():
            data = event_data(text)
            if isinstance(data.get("number"), int):
                made[data["number"]] = str(data.get("hash"))
        for seal in stored:
            expected = made.pop(seal.content.number, None)
            if expected is None:
                report.add(seal.place, "inséré : le journal ne dit pas qu'il a été fait")
            elif expected != seal.content.hash:
                report.add(seal.place, "remplacé : le journal dit qu'un autre a été fait")
        for number in sorted(made):
            report.add(f"sceau {number}", "retiré : le journal dit qu'il a été fait")

    def _check_stored_heads(self, stored: Sequence[ReadSeal], report: SealReport) -> None:
        """Compare the heads kept for each seal with its digest, and the events with the heads: one query."""
        contents = {seal.content.number: seal for seal in stored}
        of_line = and_(EVENT.c.stream == SEALED_HEAD.c.stream, EVENT.c.seq == SEALED_HEAD.c.length)
        query = select(SEALED_HEAD, EVENT.c.hash.label("event_hash")).outerjoin(EVENT, of_line)
        ordered = query.order_by(SEALED_HEAD.c.seal, by_bytes(self._connection.dialect.name, SEALED_HEAD.c.stream))
        rows = self._connection.execute(ordered, execution_options=STREAMED)
        digests: dict[int, tuple[int, str]] = {}
        for number, group in groupby(rows, key=lambda row: int(row.seal)):
            digest = LinesDigest()
            seal = contents.get(number)
            for row in group:
                line = SealedLine(row.stream, row.length, row.hash)
                digest.add(line)
                if row.event_hash != row.hash and seal is not None:
                    self._break(line, seal)
            digests[number] = (digest.count, digest.hex)
            report.lines += digest.count
        for number, seal in contents.items():
            count, digest_hex = digests.pop(number, (0, LinesDigest().hex))
            if (count, digest_hex) != (seal.content.changed, seal.content.lines):
                report.add(seal.place, "les têtes de chaîne gardées avec lui ne sont plus celles qu'il couvre")
        for number in sorted(digests):
            report.add(f"sceau {number}", "inséré : des têtes de chaîne sont gardées pour un sceau qui n'existe pas")

    def _check_all_heads(self, last: ReadSeal, report: SealReport) -> None:
        """Compare the digest of every head with those kept: the newest of each chain up to this seal."""
        newest = select(SEALED_HEAD.c.stream, func.max(SEALED_HEAD.c.seal).label("seal")).group_by(SEALED_HEAD.c.stream)
        of_chain = newest.subquery()
        query = select(SEALED_HEAD.c.stream, SEALED_HEAD.c.length, SEALED_HEAD.c.hash).join(
            of_chain, and_(of_chain.c.stream == SEALED_HEAD.c.stream, of_chain.c.seal == SEALED_HEAD.c.seal)
        )
        ordered = query.order_by(by_bytes(self._connection.dialect.name, SEALED_HEAD.c.stream))
        digest = LinesDigest()
        for row in self._connection.execute(ordered, execution_options=STREAMED):
            digest.add(SealedLine(*row))
        if (digest.count, digest.hex) != (last.content.chains, last.content.heads):
            message = "il ne couvre pas toutes les chaînes scellées avant lui : l'une d'elles manquait déjà quand il a"
            report.add(last.place, f"{message} été fait")

    def _check_sent(self, sent: Sequence[SentSeal], stored: Sequence[ReadSeal], report: SealReport) -> None:
        """Compare what was sent with what is stored, and the events with the heads that were sent."""
        by_number = {seal.content.number: seal for seal in stored}
        unique: dict[str, tuple[ReadSeal, tuple[SealedLine, ...] | None]] = {}
        for source, signed, lines in sent:
            seal = _read(signed, source)
            if seal is None:
                report.add(source, "ce texte ressemble à un sceau et n'en est pas un")
            elif signed.text not in unique or lines is not None:
                unique[signed.text] = (seal, lines)
        seals = sorted((seal for seal, _ in unique.values()), key=lambda seal: seal.content.number)
        report.sent = len(seals)
        chosen: dict[int, ReadSeal] = {}
        for seal in seals:
            other = chosen.setdefault(seal.content.number, seal)
            if other is not seal:  # both were signed
                report.add(seal.place, f"deux sceaux du même numéro ont été envoyés, l'autre dans {other.source}")
        self._check_line(list(chosen.values()), report)
        for seal in seals:
            if not seal.signed.is_signed_by(seal.content.key):
                continue
            mine = by_number.get(seal.content.number)
            if mine is None:
                report.add(seal.place, "la base ne l'a plus : elle a été récrite, ou restaurée, depuis son envoi")
            elif mine.content.text != seal.content.text:
                report.add(seal.place, "celui de la base est un autre : elle a été récrite, ou restaurée, depuis")
            self._check_sent_lines(seal, unique[seal.signed.text][1], report)
        if seals:
            days = [seal.content.day for seal in seals]
            report.last_day = max(days)

    def _check_sent_lines(self, seal: ReadSeal, lines: tuple[SealedLine, ...] | None, report: SealReport) -> None:
        """Compare the lines of a seal's file with its digest, then the events with them."""
        if lines is None:
            return  # a mail: what it covers is kept in the database, which its digest vouches for
        digest = LinesDigest()
        for line in lines:
            digest.add(line)
        if (digest.count, digest.hex) != (seal.content.changed, seal.content.lines):
            report.add(seal.place, "modifié : les lignes de son fichier ne sont pas celles qu'il couvre")
            return
        report.lines += digest.count
        for start in range(0, len(lines), 500):
            page = {(line.stream, line.length): line for line in lines[start : start + 500]}
            streams = {stream for stream, _ in page}
            query = select(EVENT.c.stream, EVENT.c.seq, EVENT.c.hash).where(
                EVENT.c.stream.in_(streams), EVENT.c.seq.in_({length for _, length in page})
            )
            found = {(row.stream, row.seq): row.hash for row in self._connection.execute(query)}
            for place, line in page.items():
                if found.get(place) != line.hash:
                    self._break(line, seal)

    def _break(self, line: SealedLine, seal: ReadSeal) -> None:
        """Keep the first head of a chain that no event bears any more: one error a chain."""
        before = self._broken.get(line.stream)
        if before is None or line.length < before[1].length:
            self._broken[line.stream] = (f"le {french_day(seal.content.day)} ({seal.place})", line)

    def _name_broken(self, report: SealReport) -> None:
        for stream, (sealed, line) in sorted(self._broken.items()):
            query = select(func.max(EVENT.c.seq), func.count()).where(EVENT.c.stream == stream)
            last, count = self._connection.execute(query).one()
            if not count:
                report.add(stream, f"retirée avec tous ses événements : scellée {sealed}")
            elif last < line.length:
                report.add(stream, f"retiré, ainsi que tout ce qui le suivait : scellé {sealed}", line.length)
            else:
                message = f"récrit, lui ou un événement avant lui : scellé {sealed} sous une autre empreinte"
                report.add(stream, message, line.length)


def _read(signed: SignedSeal, source: str) -> ReadSeal | None:
    try:
        return ReadSeal(SealContent.read(signed.text), signed, source)
    except (ValueError, TypeError):
        return None


def _tell_numbers(before: ReadSeal, after: ReadSeal, report: SealReport) -> None:
    first, last = before.content.number + 1, after.content.number - 1
    if after.source:
        names = f"le sceau {first} n'est pas" if first == last else f"les sceaux {first} à {last} ne sont pas"
        report.notices.append(f"{names} parmi ceux que vous donnez")
    else:
        names = f"le sceau {first} manque" if first == last else f"les sceaux {first} à {last} manquent"
        report.add(after.place, f"retiré : {names} avant lui")


@dataclass(frozen=True, kw_only=True, slots=True)
class LastSeal:
    """The last seal, for a page: ``holds`` says whether it is signed and every head that it kept is there.

    ``mail``: the stage of the mail that takes it away, None when none does; ``is_filed``: its file was written.
    """

    number: int
    day: date
    chains: int
    changed: int
    holds: bool
    is_filed: bool
    mail: Stage | None

    def age(self, today: date) -> int:
        """The days since it was made."""
        return (today - self.day).days


def check_last(connection: Connection) -> LastSeal | None:
    """Check the last seal alone: its signature, and the events that its own heads name. None before the first."""
    row = connection.execute(select(JOURNAL_SEAL).order_by(JOURNAL_SEAL.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    of_line = and_(
        EVENT.c.stream == SEALED_HEAD.c.stream, EVENT.c.seq == SEALED_HEAD.c.length, EVENT.c.hash == SEALED_HEAD.c.hash
    )
    found = select(func.count(), func.count(EVENT.c.hash)).select_from(SEALED_HEAD.outerjoin(EVENT, of_line))
    kept, there = connection.execute(found.where(SEALED_HEAD.c.seal == row.number)).one()
    seal = _read(SignedSeal(row.text, row.signature), "")
    content = seal.content if seal else None
    stage = connection.execute(select(MAILS.c.stage).where(MAILS.c.dedupe_key == seal_key(row.number))).scalar()
    return LastSeal(
        number=row.number, day=row.day, chains=content.chains if content else 0, changed=kept,
        holds=bool(content and seal and seal.signed.is_signed_by(content.key) and kept == there == content.changed),
        is_filed=is_filed(connection, row.number), mail=Stage(stage) if stage else None,
    )  # fmt: skip
