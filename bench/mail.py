"""The outbox beside ``smtplib`` on one connection, then behind a slow relay: ``./run bench mail [--mails N]``.

The relay accepts everything, in a process of its own. ``smtplib`` is given words that are ready, composes each message
with ``EmailMessage`` as its documentation shows and sends it on one kept connection; then the same with messages that
are ready too. The outbox claims, words, composes, sends, and records each mail in the database.
"""

import argparse
import asyncio
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from statistics import median

from bench.population import sealer
from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.delivery.dispatcher import Dispatcher
from notifications.delivery.message import compose
from notifications.mailer import Mailer
from notifications.messages.catalogue import CATALOGUE
from notifications.outbox.admin import list_outbox
from notifications.ports import SystemClock
from notifications.rendering.renderer import Renderer
from notifications.settings import MailSettings, RelaySettings
from notifications.vocabulary import Draft, Stage
from tests.kit.databases import BACKENDS, fresh_database
from workflow.database.connection import Database

KIND, FACTS = EXAMPLES["declared"]
TO = "ce.0310001h@ac-toulouse.fr"


@contextmanager
def relay(latency: float = 0.0) -> Iterator[int]:
    """A relay in a process of its own; its port."""
    command = [sys.executable, "-m", "tests.kit.relay_process", "--port", "0", "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)


def settings_of(port: int, connections: int) -> MailSettings:
    return MailSettings(
        sender="Clés ODA <oda@ac-toulouse.fr>", operators_mailbox="oda@ac-toulouse.fr", signature="DSI", contact="DSI",
        reply_to="centre@ac-toulouse.fr", relay=RelaySettings(host="127.0.0.1", port=port, security="none"),
        connections=connections,
    )  # fmt: skip


def by_smtplib(port: int, mails: int) -> float:
    """Seconds for that many mails composed by EmailMessage and sent on one connection."""
    settings, words = settings_of(port, 1), Renderer().render(KIND, FACTS, MAIL_CONTEXT)
    start = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(mails):
            message = EmailMessage()
            message["From"], message["To"] = settings.sender, TO
            message["Reply-To"], message["Subject"] = "centre@ac-toulouse.fr", words.subject
            message["Message-ID"], message["Auto-Submitted"] = f"<{number}@ac-toulouse.fr>", "auto-generated"
            message.set_content(words.body)
            message.add_alternative(words.html, subtype="html")
            client.send_message(message)
    return time.perf_counter() - start


def by_smtplib_ready(port: int, mails: int, database: Database) -> float:
    """Seconds for that many ready messages on one connection: what is sent, and nothing else."""
    with database.read() as connection:
        sent = list_outbox(connection, limit=1, whole=True).mails[0]
    ready = compose(sent, settings_of(port, 1), None)
    start = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as client:
        for _ in range(mails):
            client.sendmail("oda@ac-toulouse.fr", [TO], ready)
    return time.perf_counter() - start


def by_outbox(database: Database, port: int, mails: int, connections: int) -> float:
    """Seconds from a full outbox to the last mail recorded as sent."""
    settings = settings_of(port, connections)
    mailer = Mailer(settings, MAIL_CONTEXT, sealer())
    clock = SystemClock()
    entry = CATALOGUE[KIND]
    draft = Draft(
        kind=KIND, audience=entry.audience, recipient=TO, context=FACTS, uai="0310001H", reference="ODA-2027-00042"
    )
    with database.write() as connection:
        mailer.enqueue(connection, (replace(draft) for _ in range(mails)), clock.now())
    dispatcher = Dispatcher(database, mailer, settings, clock)
    start = time.perf_counter()
    sent = asyncio.run(dispatcher.run_once())
    seconds = time.perf_counter() - start
    if sent != mails:
        raise SystemExit(f"{sent} courriels partis au lieu de {mails}")
    with database.read() as connection:
        unsent = list_outbox(connection, stages=[stage for stage in Stage if stage is not Stage.SENT], limit=1).mails
    if unsent:
        raise SystemExit(f"un courriel est resté « {unsent[0].stage.label} »")
    return seconds


def measure(backend: str, mails: int, connections: int) -> tuple[float, float, float]:
    """Two ratios to smtplib (composing, ready), then 16 connections to one behind a relay that answers in 5 ms."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(backend, Path(folder)) as database:
        with relay() as port:
            ours = by_outbox(database, port, mails, connections)
            plain = by_smtplib(port, mails)
            ready = by_smtplib_ready(port, mails, database)
        print(f"  {mails / ours:7.0f} courriels/s, {connections} connexions ; smtplib {mails / plain:.0f}/s ;"
              f" messages déjà prêts {mails / ready:.0f}/s")  # fmt: skip
        few = max(mails // 20, 20)
        with relay(latency=0.005) as port:
            alone = few / by_outbox(database, port, few, 1)
            many = 16 * few / by_outbox(database, port, 16 * few, 16)
        print(f"  relais à 5 ms : {alone:.0f}/s sur 1 connexion, {many:.0f}/s sur 16")
    return plain / ours, ready / ours, many / alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    for backend in BACKENDS if options.database == "both" else [options.database]:
        print(f"{backend} : {options.mails} courriels, médiane de {options.rounds}")
        measures = [measure(backend, options.mails, options.connections) for _ in range(options.rounds)]
        composing, ready, sixteen = (median(column) for column in zip(*measures, strict=True))
        print(f"  à côté de smtplib qui compose : {composing:.2f} ; de messages déjà prêts : {ready:.2f} ;"
              f" 16 connexions à côté d'une : {sixteen:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
