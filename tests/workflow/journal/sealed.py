"""A journal with its seals, for tests: three requests, three seals, a folder that received their files."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from states import commands as c
from tests.kit import factories as make
from tests.kit.clock import FakeClock
from tests.workflow.journal.test_verification import ENDED, LONG, NOTARY, SHORT, Nobody, change, filled, forge
from workflow.database.connection import Database
from workflow.database.journal_tables import EVENT, INSTALLED, JOURNAL_SEAL, SEALED_HEAD
from workflow.database.tables import REQUEST
from workflow.engine.engine import Done, Engine
from workflow.journal.chain import INSTALLATION, canonical_instant
from workflow.journal.seal_checks import SealReport, SealVerifier
from workflow.journal.sealing import JournalSealer, StoredSeal
from workflow.journal.seals import LinesDigest, SealContent, SealedLine, SentSeal, read_sent
from workflow.settings.secrets import SIGNING_KEY, Keyring, Secrets, generate

__all__ = ["ENDED", "LONG", "NOTARY", "SHORT", "SealedJournal", "recompute_chain", "relink", "resign_all"]


class SealedJournal:
    """A journal of three days, each with its seal; ``folder`` holds the files that were sent, ``secrets`` the key."""

    def __init__(self, database: Database, place: Path) -> None:
        self.database = filled(database)
        self.clock = FakeClock(make.NOW + timedelta(hours=1))
        self.folder, self.secrets = place / "sent", Secrets(place / "secrets")
        self.folder.mkdir()
        generate(self.secrets.directory)
        self.engine = Engine(database, self.clock, NOTARY, make.policy(), Nobody())
        self.sealer = self.sealer_with(self.secrets)
        self.seal()
        self.next_day(c.SignCharter(reference=SHORT, signed_on=make.TODAY, version="2026-1", copy_kept=True))
        self.next_day()

    def sealer_with(self, secrets: Secrets, folder: Path | None = None) -> JournalSealer:
        keyring = Keyring(secrets, SIGNING_KEY)
        calendar = make.policy().calendar
        return JournalSealer(self.database, NOTARY, self.clock, calendar, keyring, folder or self.folder)

    def next_day(self, *commands: c.Command) -> StoredSeal:
        """A day later, after these commands of the chef."""
        self.clock.advance(days=1)
        for result in self.engine.execute(commands, make.chef()) if commands else ():
            assert isinstance(result, Done), result
        return self.seal()

    def seal(self) -> StoredSeal:
        seal = self.sealer.seal_day()
        assert seal is not None
        self.sealer.write_files()
        return seal

    def sent(self) -> list[SentSeal]:
        return [seal for path in sorted(self.folder.iterdir()) for seal in read_sent(path)]

    def public(self) -> str:
        return self.sealer.signing_keys()[0].public

    def check(
        self, connection: Connection, sent: list[SentSeal] | None = None, trusted: tuple[str, ...] = ()
    ) -> SealReport:
        today = make.policy().calendar.today(self.clock.now())
        return SealVerifier(connection, today, trusted).check(sent)


def recompute_chain(forger: Connection) -> None:
    """Chain written anew from its second event, as far as it goes, with the head kept beside it."""
    head = ""
    for seq in (2, 3):
        row = forge(forger, SHORT, seq, **({"actor": 77} if seq == 2 else {"prev": head}))
        change(forger, SHORT, seq, **row)
        head = row["hash"]
    forger.execute(update(REQUEST).where(REQUEST.c.reference == SHORT).values(chain_head=head))


def resign_all(forger: Connection, sealed: SealedJournal, secrets: Secrets) -> None:
    """Every seal made anew over the journal as it is now, by this key, its events included."""
    for table in (JOURNAL_SEAL, SEALED_HEAD):
        forger.execute(delete(table))
    key, previous = sealed.sealer_with(secrets).signing_keys()[0], "0" * 64
    events = forger.execute(select(EVENT).where(EVENT.c.kind == "journal_sealed").order_by(EVENT.c.seq)).all()
    born = forger.execute(select(INSTALLED.c.created_at)).scalar_one()
    for number, event in enumerate(events, start=1):
        digest = LinesDigest()
        lines = []
        if number == 1:
            for stream in (LONG, SHORT, ENDED):
                last = forger.execute(
                    select(EVENT).where(EVENT.c.stream == stream).order_by(EVENT.c.seq.desc())
                ).first()
                if last:
                    lines.append(SealedLine(stream, last.seq, last.hash))
        for line in lines:
            digest.add(line)
            forger.execute(insert(SEALED_HEAD), [{"seal": number, **line._asdict()}])
        whole = LinesDigest()
        for row in forger.execute(select(SEALED_HEAD).order_by(SEALED_HEAD.c.stream)):
            whole.add(SealedLine(row.stream, row.length, row.hash))
        content = SealContent(
            installation=canonical_instant(born), number=number, day=event.at.date(), at=event.at, previous=previous,
            key=key.public, next_key=None, chains=whole.count, heads=whole.hex, changed=digest.count, lines=digest.hex,
        )  # fmt: skip
        signed, previous = key.sign(content), content.hash
        values = {
            "number": number,
            "day": content.day,
            "at": content.at,
            "text": signed.text,
            "signature": signed.signature,
        }
        forger.execute(insert(JOURNAL_SEAL), [values])
        head = forger.execute(
            select(EVENT.c.hash).where(EVENT.c.stream == INSTALLATION, EVENT.c.seq == event.seq - 1)
        ).scalar_one()
        forged = forge(forger, INSTALLATION, event.seq, prev=head, data={"number": number, "hash": content.hash})
        change(forger, INSTALLATION, event.seq, **forged)
        relink(forger, event.seq)


def relink(forger: Connection, start: int) -> None:
    """The installation's chain linked again after an event that was changed."""
    query = select(EVENT.c.seq, EVENT.c.hash).where(EVENT.c.stream == INSTALLATION, EVENT.c.seq >= start)
    rows = forger.execute(query.order_by(EVENT.c.seq)).all()
    head = rows[0].hash
    for row in rows[1:]:
        forged = forge(forger, INSTALLATION, row.seq, prev=head)
        change(forger, INSTALLATION, row.seq, **forged)
        head = forged["hash"]
    forger.execute(update(INSTALLED).values(chain_head=head))
