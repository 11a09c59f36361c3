"""``/metrics``: the figures of the machine, to whom the settings list (R115)."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from notifications.vocabulary import RelayCertificate
from tests.kit.portal import Portal
from workflow.database.connection import Database, this_host
from workflow.database.faults import DatabaseUnreachable
from workflow.schedule.nodes import record_certificate
from workflow.settings.infrastructure import MonitoringSettings
from workflow.worker import Worker

pytestmark = pytest.mark.rule("R115")


def open_metrics(portal: Portal, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    monitoring = MonitoringSettings.model_validate({"metrics": True, **settings})
    changed = portal.app.settings.model_copy(update={"monitoring": monitoring})
    monkeypatch.setitem(vars(portal.app), "settings", changed)


def from_address(portal: Portal, address: str) -> TestClient:
    return TestClient(portal.asgi, base_url="http://127.0.0.1:8000", client=(address, 50_000))


def test_metrics__do_not_exist_until_the_settings_say_so(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_address(portal, "127.0.0.1").get("/metrics").status_code == 404
    open_metrics(portal, monkeypatch)
    assert from_address(portal, "127.0.0.1").get("/metrics").status_code == 200


def test_metrics__are_for_the_listed_networks(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    open_metrics(portal, monkeypatch)
    assert from_address(portal, "10.1.2.3").get("/metrics").status_code == 404
    assert from_address(portal, "testclient").get("/metrics").status_code == 404
    brought = from_address(portal, "127.0.0.1").get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert brought.status_code == 404
    open_metrics(portal, monkeypatch, metrics_from=["10.1.2.0/24"])
    assert from_address(portal, "10.1.2.3").get("/metrics").status_code == 200


def test_metrics__count_what_there_is_and_name_nobody(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    open_metrics(portal, monkeypatch)
    Worker(portal.app).tick()
    portal.issued()
    portal.declared(2)
    with portal.app.database.write() as connection:
        until = portal.clock.now() + timedelta(days=3)
        record_certificate(connection, this_host(), RelayCertificate(until=until))
    portal.clock.advance(seconds=90)
    answer = from_address(portal, "127.0.0.1").get("/metrics")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert values["oda_requests", "2026-2027", "code_issued"] == 1
    assert values["oda_requests", "2026-2027", "declared"] == 1
    assert values["oda_mails", "pending"] > 2
    assert values["oda_oldest_due_mail_seconds",] >= 80
    assert values["oda_last_tick_seconds",] == 90
    assert (values["oda_ticks_total",], values["oda_tick_failures_total",]) == (1, 0)
    assert values["oda_needs_somebody", "schedule"] == 0
    assert values["oda_needs_somebody", "certificate"] == 1
    assert values["oda_relay_certificate_refused",] == 0
    assert values["oda_relay_certificate_seconds",] == timedelta(days=3).total_seconds() - 90
    assert values["oda_relay_paused",] == values["oda_removals_late",] == values["oda_year_ends_held",] == 0
    for word in ("ac-toulouse", "Martin", "Nom", "0310001H", "ODA-"):
        assert word not in answer.text


def test_metrics__a_database_that_is_away_is_a_503(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnreachable

    open_metrics(portal, monkeypatch)
    monkeypatch.setattr(Database, "aside", away)
    assert from_address(portal, "127.0.0.1").get("/metrics").status_code == 503
