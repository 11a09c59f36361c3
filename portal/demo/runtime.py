"""The demonstration from its empty folder to its last page: made, lived, shown, and given back."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import event

from portal.app import assembled
from portal.demo import data as places
from portal.demo import pages
from portal.demo import pages as mailbox_pages
from portal.demo.clock import BackgroundLoop, DemoClock
from portal.demo.mail_server import Mailbox
from portal.demo.pages import Showing
from portal.demo.scenario import INSTALLED, Season
from portal.demo.temporary_folder import workplace
from portal.server import Server, listen
from portal.web.context import WebContext
from workflow.app import App, bootstrap, install, open_database
from workflow.database.connection import make_private
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.model import Settings
from workflow.settings.secrets import Secrets, generate

HOST: Final = "127.0.0.1"


PORT: Final = 8000
"""Where the demonstration is when nobody says otherwise and nobody is there already."""


@dataclass(frozen=True)
class Opened:
    """A demonstration that is ready."""

    asgi: FastAPI
    showing: Showing
    clock: DemoClock


@contextmanager
def opened(folder: Path, address: str, *, kept: bool = False) -> Iterator[Opened]:
    """Make the installation in this folder, live its story, and let time pass while the body runs."""
    mailbox = Mailbox(refused=frozenset([places.REFUSED.mailbox]))
    with mailbox, _app(folder, mailbox.port, address) as (app, clock):
        heart = BackgroundLoop(app, clock)
        season = Season(app, clock, heart)
        season.live()
        showing = Showing(app, heart, mailbox, season.examples, kept=kept)
        asgi = assembled(WebContext.of(app, demo=showing), (pages.router, mailbox_pages.router_mailbox_pages))
        with heart.beating():
            yield Opened(asgi, showing, clock)


def perform(keep: Path | None, port: int | None, say: Callable[[str], None], show: Callable[[str], object]) -> None:
    """Play until told to stop. ``say`` tells the terminal, ``show`` opens a browser at an address.

    Raises OSError when the port that was asked for cannot be had, CliFailure when the folder cannot.
    """
    with workplace(keep) as folder, _listening(port) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        say("Préparation de la démonstration : un mois de septembre dans 48 établissements inventés…")
        with opened(folder, address, kept=bool(keep)) as demo:
            start = f"{address}/demonstration"
            say(f"La démonstration est ouverte : {start}")
            say("Ctrl-C y met fin." if keep else "Ctrl-C y met fin ; il n'en restera rien (--keep DOSSIER la garde).")
            show(start)
            Server(demo.asgi, listening, ()).work()
    say(f"L'installation est gardée dans {folder}." if keep else "La démonstration est finie : il n'en reste rien.")


def _listening(port: int | None) -> socket.socket:
    """The port asked for; else the usual one, or any other when it is taken."""
    if port is not None:
        return listen(HOST, port)
    try:
        return listen(HOST, PORT)
    except OSError:
        return listen(HOST, 0)


@contextmanager
def _app(folder: Path, relay: int, address: str) -> Iterator[tuple[App, DemoClock]]:
    """An installation as ``oda init`` would make it. Nothing is taken from the environment of who runs it."""
    settings = _settings(folder, relay, address)
    clock = DemoClock(datetime.combine(INSTALLED, time(6), settings.zoneinfo))
    key = Secrets(settings.secrets_directory).read("journal-key").get_secret_value()
    database = open_database(settings, {})
    event.listen(database.engine, "connect", _hasten)
    try:
        install(database, JournalHasher(key.encode()), clock)
        yield bootstrap(settings, {}, clock=clock, database=database), clock
    finally:
        database.dispose()


def _hasten(connection: Any, _record: Any) -> None:
    """A story needs not outlive a power cut: SQLite does not wait for the disk."""
    connection.execute("PRAGMA synchronous=OFF")


def _settings(folder: Path, relay: int, address: str) -> Settings:
    text = files("portal.demo").joinpath("settings.yaml").read_text(encoding="utf-8")
    config = folder / DEFAULT_NAME
    config.write_text(text.format(port=relay, address=address), encoding="utf-8")
    settings = load_settings(config)
    generate(settings.secrets_directory)
    if file := settings.database.sqlite_file(folder):
        make_private(file)
    return settings
