"""The connector's rounds: hold what is due, ask with no transaction open, record while it is still ours (R84)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notifications.mailer import Mailer
from notifications.ports import crash_point
from states.actors import Actor
from states.vocabulary import CallStage
from workflow.connector import calls
from workflow.connector.addresses import AddressRefused
from workflow.connector.answers import Answer, Verdict, meaning, without
from workflow.connector.asking import Asked, asked
from workflow.connector.calls import Held
from workflow.connector.circuit import Circuit
from workflow.connector.recording import Recorder
from workflow.connector.transport import Call, Caller, NoAnswer
from workflow.engine import Engine
from workflow.reading.removal_lines import removals_of

WIDTH: Final = 4
"""How many tasks are asked at once of a server that answers."""
ROUND: Final = 50
"""How many calls a bounded round makes: ``oda tick`` must come to its end."""
NAMESAKE: Final = Answer(
    verdict=Verdict.REFUSED,
    words="une autre demande porte le même nom sans la même adresse : dire si c'est la même personne, puis confirmer",
)


@dataclass
class Called:
    """What a round did, for a log line or a terminal."""

    confirmed: int = 0
    waiting: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.confirmed + self.waiting + self.refused


class Connector:
    """Asks the ODA server for each open removal. Any number may run, on several machines, on one database."""

    def __init__(self, engine: Engine, mailer: Mailer, caller: Caller, actor: Actor) -> None:
        self._engine = engine
        self._mailer = mailer
        self._settings = caller.settings
        self.caller = caller
        self._recorder = Recorder(engine, mailer, caller.settings, actor)
        self._circuit = Circuit()
        self._lease = timedelta(seconds=2 * caller.settings.timeout_seconds + 60)

    @property
    def rests_until(self) -> datetime | None:
        """Until when the server is left alone after a trouble; None when it answers, or was not asked yet."""
        return self._circuit.rests_until

    def round(self, most: int = ROUND, must_stop: Callable[[], bool] = lambda: False) -> Called:
        """Ask for what is due, ``most`` tasks at most. Raises DatabaseBusy, DatabaseUnreachable."""
        done = Called()
        self._engine.committed(lambda connection, now: calls.take_in(connection, self._settings.kinds, now))
        while done.total < most and not must_stop() and not self._circuit.is_open(self._engine.clock.now()):
            held = self._hold(min(self._circuit.width(WIDTH), most - done.total))
            if not held:
                break
            self._ask(held, done)
        return done

    def _hold(self, limit: int) -> list[Held]:
        return self._engine.committed(
            lambda connection, now: calls.hold(connection, self._settings.kinds, now, self._lease, limit)
        )

    def _ask(self, held: Sequence[Held], done: Called) -> None:
        ready = self._questions(held, done)
        if not ready:
            return
        crash_point("connector.before_call")
        answers = self._answers(ready)
        crash_point("connector.after_call")
        for one, answer in zip([one for one, _ in ready], answers, strict=True):
            self._circuit.learn(answer, self._engine.clock.now())
            self._count(done, self._recorder.record(one, answer))

    def _questions(self, held: Sequence[Held], done: Called) -> list[tuple[Held, Asked]]:
        """What is to be asked today of each, under a new key where that changed; what no program may ask is refused."""
        by_reference = {one.reference: one for one in held}
        with self._engine.database.read() as connection:
            lines = removals_of(connection, sorted(by_reference), self._engine.policy, self._mailer)
        ready = []
        for line in lines:
            question, one = asked(line, self._engine.notary), by_reference[line.request.reference]
            if question is None:
                self._recorder.drop(one)
            elif question.to_verify:
                self._count(done, self._recorder.give_back(one, NAMESAKE))
            else:
                ready.append((self._recorder.under_its_key(one, question), question))
        return [(one, question) for one, question in ready if one is not None]

    def _answers(self, ready: Sequence[tuple[Held, Asked]]) -> list[Answer]:
        now = self._engine.clock.now()
        wanted = [Call(body=question.body, key=one.key) for one, question in ready]
        try:
            replies = self.caller.ask(wanted, now)
        except (AddressRefused, NoAnswer) as refused:
            return [without(str(refused))] * len(wanted)
        return [without(str(one)) if isinstance(one, NoAnswer) else meaning(one, now) for one in replies]

    @staticmethod
    def _count(done: Called, stage: CallStage | None) -> None:
        done.confirmed += stage is CallStage.DONE
        done.refused += stage is CallStage.REFUSED
        done.waiting += stage in (CallStage.WAITING, None)
