"""The demonstration from its empty folder to its last page: made, played or kept from before, shown, given back.

``oda demo --check`` plays the season and a year's end without a browser, and counts them against what the scenarios
foresee.
"""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import Final

from fastapi import FastAPI
from sqlalchemy import event, func, select

import portal
from notifications.outbox.store import MAILS
from notifications.vocabulary import Audience, Stage
from portal.app import assembled
from portal.demo import pages
from portal.demo.data import REFUSED, BackgroundLoop, DemoClock
from portal.demo.mail_server import Mailbox, ReceivedMail
from portal.demo.pages import DemoView
from portal.demo.scenario import EXTENDED, INSTALLED, LAST_YEAR, SCENARIOS, SEPTEMBERS, Season
from portal.server import Server, listen
from portal.web.context import WebContext
from states import french
from states.school_calendar import SchoolYear
from states.vocabulary import RemovalKind, State
from workflow.app import App, bootstrap, install, open_database
from workflow.database.connection import make_private
from workflow.database.tables import REQUEST
from workflow.journal.chain import JournalHasher
from workflow.journal.verification import Verifier
from workflow.removals.tasks import RemovalFilters, count_removals
from workflow.settings.loader import DEFAULT_NAME, load_settings
from workflow.settings.secrets import Secrets, generate

HOST: Final = "127.0.0.1"

PORT: Final = 8000
"""The port when none is asked for and this one is free."""

Progress = Callable[[int], None]
"""Told how many more of the ``SEASON_DAYS`` were played."""

_ROOT: Final = Path(portal.__file__).parents[1]
_PACKAGES: Final = ("states", "notifications", "workflow", "portal")
_DATABASE, _SECRETS, _STORY = "oda.sqlite", "secrets", "season.json"
_END_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_THIS_YEAR: Final = (*SCENARIOS, EXTENDED)


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
    with workplace(keep) as folder, ExitStack() as stack:
        try:
            listening = stack.enter_context(listen(HOST, PORT if port is None else port))
        except OSError:
            if port is not None:
                raise
            listening = stack.enter_context(listen(HOST, 0))  # the usual one is taken: any other
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


@contextmanager
def open_demo(
    folder: Path,
    address: str,
    *,
    is_permanent: bool = False,
    cache: "SeasonCache | None" = None,
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
    folder: Path, address: str, *, cache: "SeasonCache | None" = None, progress: Progress = lambda _: None
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


@dataclass(frozen=True)
class SeasonState:
    """A played season, beside its database: its own instant, a UAI for each scenario, the mails received."""

    now: datetime
    examples: Mapping[str, str]
    received: Sequence[ReceivedMail]


class SeasonCache:
    """One folder an address, below ``folder``; whatever goes wrong with it, the season is played again.

    It holds invented data, which the demonstration alone reads. It serves as long as no file of the software changes,
    and for one address, which stands in the mails.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self._folder = folder
        self._digest = _source_digest()
        self._entry = folder / f"season-{self._digest}-{address.rpartition(':')[2]}"

    def restore(self, database: Path, secrets: Path) -> SeasonState | None:
        """Copy the database and its secrets there; None, and nothing left there, when there is no season."""
        try:
            story = json.loads((self._entry / _STORY).read_text(encoding="utf-8"))
            shutil.copytree(self._entry / _SECRETS, secrets)
            shutil.copy2(self._entry / _DATABASE, database)
            received = [
                ReceivedMail(sender, tuple(to), b64decode(content)) for sender, to, content in story["received"]
            ]
            return SeasonState(datetime.fromisoformat(story["now"]), story["examples"], received)
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(secrets, ignore_errors=True)
            database.unlink(missing_ok=True)
            return None

    def store(self, database: Path, secrets: Path, state: SeasonState) -> None:
        """Keep a season, whole or not at all, and drop those of another software."""
        received = [(mail.sender, mail.recipients, b64encode(mail.content).decode()) for mail in state.received]
        story = {"now": state.now.isoformat(), "examples": dict(state.examples), "received": received}
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for entry in self._folder.glob("season-*"):
                if not entry.name.startswith(f"season-{self._digest}-"):
                    shutil.rmtree(entry, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=f"{self._entry.name}.", dir=self._folder))
            try:
                (partial / _DATABASE).touch(mode=0o600)
                with (
                    closing(sqlite3.connect(database)) as source,
                    closing(sqlite3.connect(partial / _DATABASE)) as copy,
                ):
                    source.backup(copy)
                shutil.copytree(secrets, partial / _SECRETS)
                (partial / _STORY).write_text(json.dumps(story), encoding="utf-8")
                shutil.rmtree(self._entry, ignore_errors=True)  # one that could not be restored
                partial.rename(self._entry)
            finally:
                shutil.rmtree(partial, ignore_errors=True)


def cache_folder() -> Path:
    """``.tools`` of a checkout, else the user's cache."""
    if (_ROOT / "run").is_file() and (_ROOT / "pyproject.toml").is_file():
        return _ROOT / ".tools" / "demo"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "oda-demo"


def _source_digest() -> str:
    """The digest of every file of the software, and of the settings that it delivers."""
    digest = hashlib.sha256()
    files = [path for package in _PACKAGES for path in (_ROOT / package).rglob("*") if path.suffix != ".pyc"]
    for path in sorted([*files, _ROOT / "config.yaml"]):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(_ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


class FolderRefused(Exception):
    """The demonstration cannot have its folder: ``message`` and ``remedy`` are French."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class NoTemporaryFolder(FolderRefused):
    """Nothing can be written where temporary folders are made."""


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """Make ``keep``, else a temporary folder that leaves no trace, however the demonstration ends.

    Raises FolderRefused when ``keep`` is not empty, or when nothing can be written there.
    """
    if keep is not None:
        kept, remedy = (
            keep.expanduser().absolute(),
            "Que faire : donner à --keep un dossier neuf, que la démonstration fera.",
        )
        try:
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(kept.iterdir()):
                raise FolderRefused(f"{kept} n'est pas vide : rien n'y a été touché.", remedy)
        except OSError as error:
            message = f"{kept} ne peut pas être écrit : {error.strerror or 'accès refusé'}."
            raise FolderRefused(message, remedy) from None
        yield kept
        return
    with _signals_as_interrupt():
        try:
            folder = Path(tempfile.mkdtemp(prefix="oda-"))
        except OSError as error:
            remedy = "Que faire : désigner un dossier où écrire, par la variable TMPDIR ou par --keep DOSSIER."
            raise NoTemporaryFolder(f"Pas de dossier temporaire : {error.strerror}.", remedy) from None
        try:
            yield folder
        finally:
            on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
            shutil.rmtree(folder)
            signal.signal(signal.SIGINT, on_interrupt)


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM and a closed terminal into KeyboardInterrupt, so that they clean up as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = [number for number in _END_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # not under nohup
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Figure:
    """A count, and what it must be."""

    label: str
    count: int
    expected: int

    def __str__(self) -> str:
        is_right = self.count == self.expected
        return f"{self.label} : {self.count}{'' if is_right else f', au lieu de {self.expected}'}"


def check_demo(folder: Path, say: Callable[[str], None], progress: Callable[[int], None]) -> list[Figure]:
    """Play all in this folder, tell each figure, and return those that are wrong."""
    wrong = []
    with play_season(folder, "http://127.0.0.1:8000", progress=progress) as season:
        for figure in (*_season_figures(season), *_year_end_figures(season)):
            say(f"{figure}.")
            wrong += [figure] if figure.count != figure.expected else []
    return wrong


def _season_figures(season: PlayedSeason) -> Iterator[Figure]:
    """The requests by state on the day of the demonstration."""
    expected = Counter[str]()
    for scenario in _THIS_YEAR:
        expected[scenario.state] += scenario.count
    last_year, this_year = (SchoolYear(september.year) for september in SEPTEMBERS)
    counts = _states(season, this_year)
    for state in State:
        yield Figure(f"Demandes {this_year}, {state.label}", counts[state], expected[state])
    yield Figure(f"Demandes {last_year}, {State.REVOKED.label}", _states(season, last_year)[State.REVOKED],
                 LAST_YEAR.count)  # fmt: skip


def _year_end_figures(season: PlayedSeason) -> Iterator[Figure]:
    """The day before and the day after: who is revoked, what is left to remove, which mails left (R50, R54)."""
    app, this_year = season.app, SchoolYear(SEPTEMBERS[1].year)
    total = sum(scenario.count for scenario in _THIS_YEAR)
    live = sum(scenario.count for scenario in _THIS_YEAR if scenario.state is not State.REVOKED)
    keys = sum(scenario.count for scenario in (*_THIS_YEAR, LAST_YEAR) if scenario.leaves_key)
    end = app.policy.calendar.end_of(this_year)
    before, _ = season.loop.jump(end.ends_at - timedelta(hours=6))
    yield Figure(f"Révoquées avant la fin de l'année {this_year}", sum(before.revoked.values()), 0)
    after, _ = season.loop.jump(end.ends_at + timedelta(hours=8))
    yield Figure(f"Révoquées à la fin de l'année {this_year}", after.revoked.get(this_year, 0), live)
    yield Figure(f"Demandes {this_year}, {State.REVOKED.label}", _states(season, this_year)[State.REVOKED], total)
    with app.database.read() as connection:
        removals = count_removals(connection, RemovalFilters())
        verifier = Verifier(connection, app.hasher)
        errors = len(list(verifier.flaws()))
        mails = connection.execute(select(MAILS.c.uai, MAILS.c.audience, MAILS.c.stage)).all()
    yield Figure("Retraits à faire", removals[RemovalKind.REMOVE_RIGHTS], keys)
    to_refusing = (REFUSED.uai, Audience.ESTABLISHMENT.value)  # its address is erased by then (R110)
    refused = [mail.stage for mail in mails if (mail.uai, mail.audience) == to_refusing]
    yield Figure("Courriels partis", len(season.mailbox.received), len(mails) - len(refused))
    yield Figure("Courriels refusés par une boîte", refused.count(Stage.DEAD), len(refused))
    yield Figure(f"Défauts du journal, sur {french.plural(verifier.events, 'événement')}", errors, 0)


def _states(season: PlayedSeason, year: SchoolYear) -> Counter[str]:
    query = select(REQUEST.c.state, func.count()).where(REQUEST.c.school_year == str(year)).group_by(REQUEST.c.state)
    with season.app.database.read() as connection:
        return Counter({row.state: row[1] for row in connection.execute(query)})
