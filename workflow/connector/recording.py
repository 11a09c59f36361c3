"""What came of a call, written while it is still ours and about what is to be done now (R48, R49, R84)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from sqlalchemy import Connection

from notifications.mailer import Mailer
from notifications.outcomes import RetryRules
from notifications.ports import crash_point
from states.actors import Actor
from states.case import Refused
from states.commands import ConfirmRemoval
from states.vocabulary import CallStage, RemovalOutcome
from workflow.connector import calls
from workflow.connector.answers import Answer, Verdict, cleaned
from workflow.connector.asking import Asked, asked
from workflow.connector.calls import Held
from workflow.engine import Engine
from workflow.reading.removal_lines import removals_of
from workflow.settings.connector import ConnectorSettings

DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240, 360))
"""Waits between two attempts; the last repeats itself, and each is up to a quarter longer."""
STILL_USED: Final = "la clé devait être gardée pour une autre demande, et le serveur répond « {} » : à vérifier"


class Recorder:
    """Writes the end of a call, or puts it off. Each method is one short transaction; None says it was not ours."""

    def __init__(self, engine: Engine, mailer: Mailer, settings: ConnectorSettings, actor: Actor) -> None:
        self._engine = engine
        self._mailer = mailer
        self._actor = actor
        self._rules = RetryRules(settings.max_attempts, DELAYS, retry_uncertain=True)

    def under_its_key(self, held: Held, question: Asked) -> Held | None:
        """The call as it may be made: under a new key when the question is not the one that it bears."""
        if calls.digest_of(held.asked) == question.digest:
            return held

        def work(connection: Connection, now: datetime) -> Held | None:
            if not calls.is_ours(connection, held):
                return None
            return calls.ask_anew(connection, held, question.digest, now)

        return self._engine.committed(work)

    def drop(self, held: Held) -> None:
        """An operator has confirmed it meanwhile: nothing is left to ask."""
        self._engine.committed(lambda connection, _: calls.drop(connection, held.reference))

    def give_back(self, held: Held, answer: Answer) -> CallStage | None:
        """Leave to the operators what was not even asked."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if not calls.is_ours(connection, held):
                return None
            calls.end(connection, held, CallStage.REFUSED, answer, now)
            return CallStage.REFUSED

        return self._engine.committed(work)

    def record(self, held: Held, answer: Answer) -> CallStage | None:
        """Write what this answer makes of the call; returns the stage in which it is then."""

        def work(connection: Connection, now: datetime) -> CallStage | None:
            if answer.verdict is Verdict.ANSWERED:
                return self._confirm(connection, held, answer, now)
            if not calls.is_ours(connection, held):
                return None
            return self._put(connection, held, answer, now)

        return self._engine.committed(work)

    def _put(self, connection: Connection, held: Held, answer: Answer, now: datetime) -> CallStage:
        """Later as the server asked, which is no failure; again after a wait; or never by itself."""
        if answer.verdict is Verdict.LATER and answer.after:
            calls.put_off(connection, held, answer, now, now + answer.after)
            return CallStage.WAITING
        tried = replace(held, attempts=held.attempts + 1)
        if answer.verdict is Verdict.REFUSED or tried.attempts >= self._rules.max_attempts:
            calls.end(connection, tried, CallStage.REFUSED, answer, now)
            return CallStage.REFUSED
        wait = self._rules.delay(tried.attempts, crc32(held.reference.encode()))
        calls.put_off(connection, tried, answer, now, now + wait)
        return CallStage.WAITING

    def _confirm(self, connection: Connection, held: Held, answer: Answer, now: datetime) -> CallStage | None:
        """Confirm by the rules, under their locks, unless the question has changed: it is then asked anew."""
        command = ConfirmRemoval(
            reference=held.reference, outcome=answer.outcome or RemovalOutcome.REMOVED, note=answer.words
        )
        self._engine.facts(connection, command)  # takes the locks under which the question is looked at again
        if not calls.is_ours(connection, held):
            return None
        lines = removals_of(connection, [held.reference], self._engine.policy, self._mailer)
        now_asked = asked(lines[0], self._engine.notary) if lines else None
        if now_asked is None:  # an operator has confirmed it meanwhile
            calls.drop(connection, held.reference)
            return None
        if now_asked.digest != calls.digest_of(held.asked):
            anew = calls.ask_anew(connection, held, now_asked.digest, now)
            calls.put_off(connection, anew, Answer(verdict=Verdict.LATER, status=answer.status), now, now)
            return CallStage.WAITING
        if now_asked.keeps_key and command.outcome is not RemovalOutcome.KEPT:
            return self._refused(connection, held, answer, STILL_USED.format(command.outcome.label), now)
        [result] = self._engine.run(connection, [command], self._actor, now)
        if isinstance(result, Refused):
            return self._refused(connection, held, answer, result.reasons[0].message, now)
        calls.end(connection, replace(held, attempts=held.attempts + 1), CallStage.DONE, answer, now)
        crash_point("connector.before_commit")
        return CallStage.DONE

    def _refused(self, connection: Connection, held: Held, answer: Answer, why: str, now: datetime) -> CallStage:
        """Given back to the operators: what the server says of it does not hold."""
        words = f"{why} (réponse du serveur : {answer.words})" if answer.words else why
        told = replace(answer, words=cleaned(words))
        calls.end(connection, replace(held, attempts=held.attempts + 1), CallStage.REFUSED, told, now)
        return CallStage.REFUSED
