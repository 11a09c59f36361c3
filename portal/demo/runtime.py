"""The demonstration from its empty folder to its last page: made, played, shown, and given back."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from sqlalchemy import event

from portal.app import assembled
from portal.demo import pages
from portal.demo.clock import BackgroundLoop, DemoClock
from portal.demo.data import REFUSED
from portal.demo.mail_server import Mailbox
from portal.demo.pages import DemoView
from portal.demo.scenario import INSTALLED, Season
from portal.demo.season_cache import SeasonCache, SeasonState, cache_folder
from portal.demo.temporary_folder import workplace
from portal.server import Server, listen
from portal.web.context import WebContext
from workflow.app import App, bootstrap, install, open_database
from workflow.database.connection import make_private
from workflow.journal.chain import JournalHasher
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.secrets import Secrets, generate

HOST: Final = "127.0.0.1"

PORT: Final = 8000
"""The port when none is asked for and this one is free."""

Progress = Callable[[int], None]
"""Told how many more of the ``SEASON_DAYS`` were played."""


@dataclass(frozen=True)
class PlayedSeason:
    """An installation on the morning of the demonstration, its clock still."""

    app: App
    clock: DemoClock
    loop: BackgroundLoop
    mailbox: Mailbox
    examples: Mapping[str, str]


@dataclass(frozen=True)
class RunningDemo:
    """A demonstration that is ready, and whose time passes."""

    asgi: FastAPI
    view: DemoView
    clock: DemoClock


def run_demo(
    keep: Path | None,
    port: int | None,
    say: Callable[[str], None],
    show: Callable[[str], object],
    progress: Progress = lambda _: None,
) -> None:
    """Serve the demonstration until told to stop. ``say`` tells the terminal, ``show`` opens a browser at an address.

    An installation that is kept has its own secrets: it is played anew. Raises OSError when the port that was asked
    for cannot be had, FolderRefused when the folder cannot.
    """
    with workplace(keep) as folder, _listening(port) as listening:
        address = f"http://{HOST}:{listening.getsockname()[1]}"
        say("Préparation de la démonstration : un mois de septembre dans 48 établissements inventés…")
        cache = None if keep else SeasonCache(cache_folder(), address)
        with open_demo(folder, address, is_permanent=bool(keep), cache=cache, progress=progress) as demo:
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
def open_demo(
    folder: Path,
    address: str,
    *,
    is_permanent: bool = False,
    cache: SeasonCache | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[RunningDemo]:
    """Let the time of a played season pass, and show it, while the body runs."""
    with play_season(folder, address, cache=cache, progress=progress) as season:
        view = DemoView(season.app, season.loop, season.mailbox, season.examples, is_permanent=is_permanent)
        asgi = assembled(WebContext.of(season.app, demo=view), (pages.router,))
        with season.loop.running():
            yield RunningDemo(asgi, view, season.clock)


@contextmanager
def play_season(
    folder: Path, address: str, *, cache: SeasonCache | None = None, progress: Progress = lambda _: None
) -> Iterator[PlayedSeason]:
    """Make an installation in this folder as ``oda init`` would, and play its season, or take it from the cache.

    Nothing is taken from the environment of who runs it.
    """
    with Mailbox(refused=frozenset([REFUSED.mailbox])) as mailbox:
        config = folder / DEFAULT_NAME
        text = files("portal.demo").joinpath("settings.yaml").read_text(encoding="utf-8")
        config.write_text(text.format(port=mailbox.port, address=address), encoding="utf-8")
        settings = load_settings(config)
        if settings.seal_folder:
            settings.seal_folder.mkdir(exist_ok=True)
        secrets, file = settings.secrets_directory, settings.database.sqlite_file(folder)
        if file is None:
            raise TypeError("the demonstration's database is a SQLite file")
        state = cache.restore(file, secrets) if cache else None
        if state is None:
            generate(secrets)
            make_private(file)
        clock = DemoClock(state.now if state else datetime.combine(INSTALLED, time(6), settings.zoneinfo))
        database = open_database(settings, {})
        # A story needs not outlive a power cut: SQLite does not wait for the disk.
        event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        try:
            if state is None:
                key = Secrets(secrets).read("journal-key").get_secret_value()
                install(database, JournalHasher(key.encode()), clock)
            app = bootstrap(settings, {}, clock=clock, database=database)
            loop = BackgroundLoop(app, clock)
            if state is None:
                season = Season(app, clock, loop, progress)
                season.play()
                state = SeasonState(clock.now(), season.examples, mailbox.received)
                if cache:
                    cache.store(file, secrets, state)
            else:
                mailbox.received.extend(state.received)
            yield PlayedSeason(app, clock, loop, mailbox, state.examples)
        finally:
            database.dispose()
