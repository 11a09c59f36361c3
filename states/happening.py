"""What was accepted and is being written: what the other rooms are told, in the same transaction."""

from dataclasses import dataclass
from datetime import datetime

from states.actors import Actor
from states.case import Decision
from states.facts import Establishment, Request
from states.school_year import YearEnd


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """An accepted decision with its surroundings.

    ``decision.request`` is the request as it has become, with its final reference; ``before`` is None at a birth;
    ``others`` are the person's other live requests (empty for a sweep, which does not need them);
    ``seq`` is the number of the event in the request's stream, ``year_end`` the end of its school year.
    """

    decision: Decision
    before: Request | None
    establishment: Establishment
    actor: Actor
    at: datetime
    seq: int
    year_end: YearEnd
    others: tuple[Request, ...] = ()

    @property
    def request(self) -> Request:
        return self.decision.request
