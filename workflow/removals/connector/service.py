"""The connector's rounds: claim what is due, ask with no transaction open, record while it is still ours (R84)."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.ports import crash_point
from states.decision import Scalar
from states.model import Actor
from states.vocabulary import CallStage, Channel, Role
from workflow.auth.actors import require_operator
from workflow.database.schedule_tables import is_held
from workflow.engine.engine import Engine
from workflow.http_post import NoAnswer
from workflow.journal import chain
from workflow.journal.chain import actor_number
from workflow.removals.connector.client import (
    PING,
    Answer,
    Call,
    Caller,
    CallOutcome,
    Question,
    body_of,
    meaning,
    ping,
    question_of,
    secret_of,
    without,
)
from workflow.removals.connector.queue import ClaimedCall, Recorder, again, claim, take_in
from workflow.removals.tasks import removals_of
from workflow.settings.model import Settings
from workflow.settings.secrets import Secrets
from workflow.settings.services import AddressRefused

REST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
"""Bounds of the pause after a trouble: a minute, or as the server asks, up to an hour."""


class Circuit:
    """The circuit breaker of the server: nothing is asked before ``rests_until``, then one task alone, to see.

    A server that is down, or that refuses us, is asked once a minute, not once for each task (R84).
    """

    def __init__(self) -> None:
        self.rests_until: datetime | None = None
        self._is_sound = False

    def is_open(self, now: datetime) -> bool:
        """True if the server is left alone for now; never for longer than ``LONGEST``, by whatever clock it was."""
        return self.rests_until is not None and now < self.rests_until <= now + LONGEST

    def width(self, most: int) -> int:
        """Return how many may be asked at once: one until an answer has come."""
        return most if self._is_sound else 1

    def learn(self, answer: Answer, now: datetime) -> None:
        """Open or close the circuit after an answer."""
        self._is_sound = not answer.of_all
        if answer.of_all:
            until = now + min(LONGEST, max(REST, answer.after or REST))
            self.rests_until = max(until, self.rests_until or until)
        elif not self.is_open(now):
            self.rests_until = None


WIDTH: Final = 4
"""Calls made at once to a server that answers."""


ROUND: Final = 50
"""Calls of a bounded round: ``oda tick`` must come to its end."""


NAMESAKE: Final = Answer(
    verdict=CallOutcome.REFUSED,
    words="une autre demande porte le même nom sans la même adresse : dire si c'est la même personne, puis confirmer",
)


@dataclass
class RoundResult:
    """Counts of a round, for a log line or a terminal."""

    confirmed: int = 0
    waiting: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.confirmed + self.waiting + self.refused


class Connector:
    """Ask the ODA server for each open removal. Any number may run, on several machines, on one database."""

    def __init__(self, engine: Engine, mailer: Mailer, caller: Caller) -> None:
        self._engine = engine
        self._mailer = mailer
        self._settings = caller.settings
        self.caller = caller
        self._circuit = Circuit()
        self._lease = timedelta(seconds=2 * caller.settings.timeout_seconds + 60)

    @property
    def rests_until(self) -> datetime | None:
        """Until when the server is left alone after a trouble; None when it answers, or was not asked yet."""
        return self._circuit.rests_until

    def round(self, most: int = ROUND, must_stop: Callable[[], bool] = lambda: False) -> RoundResult:
        """Ask for what is due, ``most`` tasks at most; nothing while a restoration is held (R116).

        Raises DatabaseBusy, DatabaseUnreachable.
        """
        done = RoundResult()

        def take_in_unless_held(connection: Connection, now: datetime) -> bool:
            if is_held(connection):
                return False
            take_in(connection, self._settings.kinds, now)
            return True

        if not self._engine.in_transaction(take_in_unless_held):
            return done
        while done.total < most and not must_stop() and not self._circuit.is_open(self._engine.clock.now()):
            claimed = self._engine.in_transaction(
                lambda connection, now: claim(
                    connection, self._settings.kinds, now, self._lease,
                    limit=min(self._circuit.width(WIDTH), most - done.total),
                )
            )  # fmt: skip
            if not claimed:
                break
            # Who acts is read each time: another database may have given the number to another.
            actor = actor_of(self._engine)
            self._recorder = Recorder(self._engine, self._mailer, self._settings, actor)
            self._ask(claimed, done)
        return done

    def _ask(self, claimed: Sequence[ClaimedCall], done: RoundResult) -> None:
        ready = self._questions(claimed, done)
        if not ready:
            return
        crash_point("connector.before_call")
        now = self._engine.clock.now()
        try:
            replies = self.caller.ask([Call(body=question.body, key=call.key) for call, question in ready], now)
        except (AddressRefused, NoAnswer) as refused:
            replies = [NoAnswer(str(refused))] * len(ready)
        answers = [without(str(reply)) if isinstance(reply, NoAnswer) else meaning(reply, now) for reply in replies]
        crash_point("connector.after_call")
        for (call, _), answer in zip(ready, answers, strict=True):
            self._circuit.learn(answer, self._engine.clock.now())
            self._count(done, self._recorder.record(call, answer))

    def _questions(self, claimed: Sequence[ClaimedCall], done: RoundResult) -> list[tuple[ClaimedCall, Question]]:
        """Return the question of each call, under a new key where it changed; refuse what no program may ask."""
        by_reference = {call.reference: call for call in claimed}
        with self._engine.database.read() as connection:
            lines = removals_of(connection, sorted(by_reference), self._engine.policy, self._mailer)
        ready = []
        for line in lines:
            question, call = question_of(line, self._engine.hasher), by_reference[line.request.reference]
            if question is None:
                self._recorder.drop(call)
            elif question.to_verify:
                self._count(done, self._recorder.give_back(call, NAMESAKE))
            else:
                ready.append((self._recorder.under_its_key(call, question), question))
        return [(call, question) for call, question in ready if call is not None]

    @staticmethod
    def _count(done: RoundResult, stage: CallStage | None) -> None:
        done.confirmed += stage is CallStage.DONE
        done.refused += stage is CallStage.REFUSED
        done.waiting += stage in (CallStage.WAITING, None)


def ask_again(engine: Engine, actor: Actor, references: Collection[str] | None) -> list[str]:
    """Have these calls made anew, or all that were given back to the operators when None; returns the references of
    those concerned. Asked twice, it is done once. Raises NotAllowed to who is no operator."""
    require_operator(actor, "redemander un retrait au serveur ODA")

    def work(connection: Connection, now: datetime) -> list[str]:
        asked_references = again(connection, references, now)
        if asked_references:
            data: dict[str, Scalar] = {"calls": len(asked_references), "references": " ".join(asked_references)}
            chain.record(connection, engine.hasher, "removals_asked_again", actor, now, data)
        return asked_references

    return engine.in_transaction(work)


PONG: Final = "pong"


OUR_SIGNATURE: Final = (
    "vérifier que le secret connector-key est le même sur le serveur ODA, et que les deux horloges sont à l'heure"
)


class TrialFailed(Exception):
    """The server cannot be asked: ``step`` where it stopped, the message what it said, ``remedy`` what to do."""

    def __init__(self, step: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.step, self.remedy = step, remedy


def trial(caller: Caller, now: datetime) -> Iterator[tuple[str, str]]:
    """Try the server without asking for anything: yield each step that went well, as a heading and a result.

    Raises TrialFailed at the first step that did not.
    """
    yield "Adresse", caller.settings.url or ""
    try:
        addresses = caller.addresses()
    except AddressRefused as refused:
        raise TrialFailed("nom", str(refused), "corriger removals.connector") from None
    except NoAnswer as unknown:
        raise TrialFailed("nom", str(unknown), "corriger removals.connector.url, ou le DNS de cette machine") from None
    yield "Nom", f"mène à {', '.join(addresses)}"
    try:
        [reply] = caller.ask([Call(body=ping(), key=f"{PING}.{uuid4().hex}")], now)
    except (AddressRefused, NoAnswer) as refused:
        reply = NoAnswer(str(refused))
    if isinstance(reply, NoAnswer):
        remedy = "vérifier le serveur, son certificat et le pare-feu ; une autorité privée s'ajoute à celles du système"
        raise TrialFailed("appel", str(reply), remedy)
    if reply.status != 200 or body_of(reply).get("outcome") != PONG:
        words = meaning(reply, now).words
        remedy = OUR_SIGNATURE if reply.status in (401, 403) else f'y répondre {{"outcome": "{PONG}"}} à « {PING} »'
        raise TrialFailed("réponse", words, f"{remedy} (docs/connecteur.md)")
    yield "Appel signé", "accepté"


ACTOR_KEY: Final = "connector"


ACTOR_LABEL: Final = "le connecteur du serveur ODA"


def caller_of(settings: Settings, secrets: Secrets) -> Caller | None:
    """Return the caller of the settings' server; None when they name none. Raises SecretMissing, SecretRefused."""
    if settings.removals.connector.url is None:
        return None
    return Caller(settings=settings.removals.connector, secret=secret_of(secrets))


def connector_of(settings: Settings, secrets: Secrets, engine: Engine, mailer: Mailer) -> Connector | None:
    """The connector at work; None when the settings name no server. Raises SecretMissing, SecretRefused."""
    caller = caller_of(settings, secrets)
    return Connector(engine, mailer, caller) if caller else None


def actor_of(engine: Engine) -> Actor:
    """The connector, which may confirm a removal and nothing else (R2, R84)."""
    number = actor_number(engine.database, engine.hasher, engine.clock, ACTOR_KEY, ACTOR_LABEL)
    return Actor(role=Role.CONNECTOR, number=number, label=ACTOR_LABEL, channel=Channel.CONNECTOR)
