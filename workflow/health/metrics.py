"""The figures of the machine for Prometheus: states, mails, ticks, removals, refusals; about nobody (R115)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from notifications.outbox.queue import load_pause
from notifications.outbox.store import MAILS
from notifications.ports import Clock
from states.model import Policy
from states.vocabulary import State
from workflow.database.access_tables import TRIES
from workflow.database.clock import last_heartbeat
from workflow.database.connection import Database
from workflow.database.schedule_tables import DeliveryStage, last_backup_at
from workflow.database.tables import REMOVAL, REQUEST
from workflow.health.report import HealthMonitor, HealthReport
from workflow.mail import count_unsent_mails
from workflow.schedule.nodes import seen_certificate
from workflow.webhooks.queue import count_deliveries
from workflow.year_end.service import held_in

UNSENT = ("pending", "retry", "sending", "uncertain", "dead")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """Reads the figures at each demand. Raises DatabaseBusy, DatabaseUnreachable."""

    database: Database
    clock: Clock
    policy: Policy
    health: HealthMonitor

    def exposition(self) -> bytes:
        """Return the figures in the text format of Prometheus."""
        report = self.health.report()
        with self.database.aside() as connection:
            metrics = [*_of_report(report, self.health), *self._of_database(connection, self.clock.now())]
        registry = CollectorRegistry()
        registry.register(_Ready(metrics))
        return generate_latest(registry)

    def _of_database(self, connection: Connection, now: datetime) -> Iterator[Metric]:
        query = select(REQUEST.c.school_year, REQUEST.c.state, func.count().label("requests"))
        rows = connection.execute(query.group_by(REQUEST.c.school_year, REQUEST.c.state)).all()
        known = {(row.school_year, row.state): row.requests for row in rows}
        years = sorted({row.school_year for row in rows})
        yield _labelled(
            "oda_requests", "Requests by school year and state.", ("school_year", "state"),
            (((year, state.value), known.get((year, state.value), 0)) for year in years for state in State),
        )  # fmt: skip
        mails = {stage.value: count for stage, count in count_unsent_mails(connection).items()}
        yield _labelled(
            "oda_mails", "Mails that wait or did not arrive, by stage.", ("stage",),
            (((stage,), mails.get(stage, 0)) for stage in UNSENT),
        )  # fmt: skip
        oldest = connection.scalar(select(func.min(MAILS.c.next_attempt_at)).where(MAILS.c.next_attempt_at <= now))
        yield _gauge("oda_oldest_due_mail_seconds", "Age of the oldest mail that is due; 0: none.", _age(now, oldest))
        yield _gauge("oda_relay_paused", "1 while the relay takes no mail.", load_pause(connection) is not None)
        yield from self._of_removals(connection, now)
        deliveries = count_deliveries(connection)
        yield _labelled(
            "oda_webhook_deliveries", "Messages to other systems, by endpoint and stage.", ("endpoint", "stage"),
            (((name, stage.value), deliveries.get((name, stage), 0))
             for name in sorted({name for name, _ in deliveries}) for stage in DeliveryStage),
        )  # fmt: skip
        refused = select(TRIES.c.limit_name, func.sum(TRIES.c.refused).label("times")).where(TRIES.c.refused > 0)
        refusals = connection.execute(refused.group_by(TRIES.c.limit_name).order_by(TRIES.c.limit_name))
        yield _labelled(
            "oda_refusals", "What was refused in the current windows, by limit.", ("limit",),
            (((row.limit_name,), row.times) for row in refusals),
        )  # fmt: skip
        held = len(held_in(connection, self.policy.calendar))
        yield _gauge("oda_year_ends_held", "Ends of school years that wait for an operator.", held)
        last_tick = _age(now, last_heartbeat(connection, now))
        yield _gauge("oda_last_tick_seconds", "Time since the last tick of any machine.", last_tick)
        if made_at := last_backup_at(connection):
            yield _gauge("oda_last_backup_seconds", "Time since the last good backup.", _age(now, made_at))

        if certificate := seen_certificate(connection, now):
            is_refused = certificate.refused is not None
            yield _gauge(
                "oda_relay_certificate_refused", "1 while the relay's certificate is not admitted.", is_refused
            )  # fmt: skip
            if until := certificate.until:
                left = (until - now).total_seconds()
                yield _gauge("oda_relay_certificate_seconds", "Time until the relay's certificate expires.", left)

    def _of_removals(self, connection: Connection, now: datetime) -> Iterator[Metric]:
        days = timedelta(days=self.policy.timetable.removals_late)
        late_before = self.policy.calendar.midnight(self.policy.calendar.today(now) - days)
        is_open = REMOVAL.c.closed_at.is_(None)
        count = select(func.count()).select_from(REMOVAL).where(is_open)
        yield _gauge("oda_removals_open", "Removals to confirm.", connection.scalar(count) or 0)
        late = connection.scalar(count.where(REMOVAL.c.opened_at < late_before)) or 0
        yield _gauge("oda_removals_late", "Removals to confirm that are late.", late)


class _Ready(Collector):
    """Figures that are read already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_report(report: HealthReport, health: HealthMonitor) -> Iterator[Metric]:
    calls = {finding.code: finding.needs_somebody for finding in report.findings}
    yield _labelled(
        "oda_needs_somebody", "1 for what needs somebody, as /sante tells it.", ("check",),
        (((code,), needs) for code, needs in calls.items()),
    )  # fmt: skip
    for name, about, value in (
        ("oda_ticks", "Ticks of this process.", health.ticks),
        ("oda_tick_failures", "Ticks of this process that failed, in part or as a whole.", health.tick_failures),
    ):
        yield CounterMetricFamily(name, about, value)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, float(value))


def _labelled(
    name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for keys, value in values:
        family.add_metric(keys, float(value))
    return family


def _age(now: datetime, at: datetime | None) -> float:
    return max((now - at).total_seconds(), 0.0) if at else 0.0
