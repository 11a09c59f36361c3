"""The probes: the process answers, it can serve, its mission needs nobody; about nobody (R115)."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from anyio import CapacityLimiter, fail_after, move_on_after, to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from notifications.ports import DatabaseTrouble
from portal.server import PEER
from portal.web.context import Context
from workflow.database.faults import DatabaseFault
from workflow.health.report import HealthMonitor, HealthReport, HealthState, away

ANSWERED_S: Final = 5
"""Seconds after which a database that has not answered is said to be away."""

AT_ONCE: Final = 2

_limiter: Final[RunVar[CapacityLimiter]] = RunVar("health")

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FRESH: Final = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


@router.get("/vivant")
async def alive(request: Request) -> Response:
    """The process answers, whatever the database does: else restart it."""
    if _wants_json(request):
        return JSONResponse({"status": "ok"}, headers=_FRESH)
    return PlainTextResponse("ok\n", headers=_FRESH)


@router.get("/pret")
async def ready(request: Request, context: Context) -> Response:
    """The database answers, at this software's version: else send nobody here."""
    report = await _report(context.app.health)
    findings = report.findings if not report.is_ready else ()
    state = HealthState.WELL if report.is_ready else HealthState.DOWN
    return _answer(request, HealthReport(findings, is_ready=report.is_ready), state)


@router.get("/sante")
async def health(request: Request, context: Context) -> Response:
    """« ok », « attention » or « en panne », then why; 503 when somebody is needed, in a bounded time."""
    report = await _report(context.app.health)
    return _answer(request, report, report.state)


@router.get("/metrics")
async def metrics(request: Request, context: Context) -> Response:
    """The figures of the machine, to the networks of the settings; to anybody else there is no such page."""
    settings = context.app.settings.monitoring
    if not settings.metrics or not _comes_from(request, settings.metrics_from):
        raise HTTPException(404)
    try:
        with fail_after(ANSWERED_S):
            body = await to_thread.run_sync(
                context.app.metrics.exposition, abandon_on_cancel=True, limiter=_few()
            )  # fmt: skip
    except (DatabaseTrouble, TimeoutError):
        return PlainTextResponse("base : injoignable\n", 503, _FRESH)
    return Response(body, media_type=METRICS_TYPE, headers=_FRESH)


def _comes_from(request: Request, networks: Iterable[str]) -> bool:
    """True when the client, and the machine that brings its request, are both listed: a proxy beside us is neither."""
    client = request.client.host if request.client else ""
    try:
        addresses = [ip_address(client), ip_address(request.scope.get(PEER) or client)]
    except ValueError:
        return False
    if "x-forwarded-for" in request.headers and addresses[0] == addresses[1]:
        return False  # brought by a proxy that the settings do not believe: whose request it is, nobody knows
    return all(any(address in network for network in map(ip_network, networks)) for address in addresses)


async def _report(monitor: HealthMonitor) -> HealthReport:
    """The report of some seconds ago, else a new one.

    It takes neither a thread nor a connection of those that the pages share, so that it tells when they have none.
    """
    if report := monitor.kept():
        return report
    with move_on_after(ANSWERED_S):
        return await to_thread.run_sync(monitor.report, abandon_on_cancel=True, limiter=_few())
    return monitor.keep(away(DatabaseFault.SILENT))


def _few() -> CapacityLimiter:
    limiter = _limiter.get(None)
    if limiter is None:
        _limiter.set(limiter := CapacityLimiter(AT_ONCE))
    return limiter


def _wants_json(request: Request) -> bool:
    if chosen := request.query_params.get("format"):
        return chosen == "json"
    return "application/json" in request.headers.get("accept", "")


def _answer(request: Request, report: HealthReport, state: HealthState) -> Response:
    status = 200 if state is HealthState.WELL else 503
    if _wants_json(request):
        checks = [
            {"check": finding.code, "ok": not finding.needs_somebody, "text": finding.text}
            for finding in report.findings
        ]
        return JSONResponse({"status": state.code, "checks": checks}, status, _FRESH)
    lines = [state.word, *(f"{finding.name} : {finding.text}" for finding in report.findings)]
    return PlainTextResponse("\n".join(lines) + "\n", status, _FRESH)
