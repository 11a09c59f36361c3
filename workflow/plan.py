"""What a batch of decisions writes, gathered as rows before anything is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from states.actors import Actor
from states.case import CloseRemoval, CloseReport, Decision, OpenRemoval, OpenReport
from states.facts import Request
from states.happening import Happening
from workflow.journal import EMPTY, Link, Notary
from workflow.known import Known
from workflow.rows import changed_columns

Row = dict[str, Any]


@dataclass
class Plan:
    """Rows by table, in the order in which they are written; ``happenings`` are what subscribers are told."""

    events: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    births: list[Row] = field(default_factory=list)
    changes: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)
    removals: list[Row] = field(default_factory=list)
    removals_closed: list[Row] = field(default_factory=list)
    reports: list[Row] = field(default_factory=list)
    reports_settled: list[Row] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    def add(
        self, decision: Decision, before: Request | None, known: Known, actor: Actor, now: datetime, notary: Notary
    ) -> int:
        """Take a decision in: its event, its request, its effects. Returns the event's number in its stream."""
        request = decision.request
        link = known.links.get(request.reference, EMPTY) if before else EMPTY
        notes = notary.notes(request.reference, link.length + 1, decision.notes) if decision.notes else []
        states = (decision.source.value if decision.source else None, request.state.value)
        event = notary.event(
            (request.reference, link), decision.trigger.value, states, actor, now, decision.data, notes
        )
        self.events.append(event)
        self.notes += notes
        known.links[request.reference] = Link(event["hash"], event["seq"])
        self._request(before, request, event, actor)
        if decision.effects:
            self._effects(decision, now)
        return int(event["seq"])

    def _request(self, before: Request | None, request: Request, event: Row, actor: Actor) -> None:
        stamp = {
            "changed_at": event["at"], "last_trigger": event["kind"], "last_actor": actor.label,
            "chain_head": event["hash"], "chain_length": event["seq"],
        }  # fmt: skip
        if before is None or before.state is not request.state:
            stamp["since"] = event["at"]
        columns = changed_columns(before, request) | stamp
        if before is None:
            self.births.append(columns | {"created_at": event["at"]})
            return
        columns.pop("reference", None)
        where = {"b_reference": request.reference, "b_version": before.version}
        self.changes.setdefault(tuple(columns), []).append(columns | where)

    def _effects(self, decision: Decision, now: datetime) -> None:
        reference = decision.request.reference
        for effect in decision.effects:
            match effect:
                case OpenRemoval(kind):
                    self.removals.append({"reference": reference, "kind": kind.value, "opened_at": now})
                case CloseRemoval(outcome):
                    row = {"b_reference": reference, "outcome": outcome.value, "closed_at": now}
                    self.removals_closed.append(row)
                case OpenReport(report):
                    self.reports.append(
                        {
                            "reference": reference, "number": report.number, "change": report.change.value,
                            "effective_on": report.effective_on, "reported_at": now,
                        }
                    )  # fmt: skip
                case CloseReport(number, settlement):
                    row = {"b_reference": reference, "b_number": number, "settlement": settlement.value}
                    self.reports_settled.append(row | {"settled_at": now})
                case _:
                    pass  # sealed codes are the mails' business: they read the happenings


def waves(references: Sequence[str | None]) -> list[list[int]]:
    """Positions grouped so that no group names a request twice: the nth action on a request is in the nth group."""
    seen: Counter[str] = Counter()
    groups: dict[int, list[int]] = {}
    for position, reference in enumerate(references):
        turn = seen[reference] if reference else 0
        groups.setdefault(turn, []).append(position)
        if reference:
            seen[reference] += 1
    return [groups[turn] for turn in sorted(groups)]
