"""A transition by the interface beside a bare « hello » of its framework: ``./run bench portal_http [--requests N]``.

Both are served by uvicorn in a process of their own, to one client that keeps its connection. The transition reads its
token, decides, and writes the request, its event and its mail in one durable commit. Then eight clients act on one
request at once: a refusal with its reason is an answer, anything else an error.
"""

import argparse
import json
import multiprocessing
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import uvicorn
from fastapi import FastAPI

from bench.floor import durability
from portal.app import create_app
from states.vocabulary import Scope
from tests.kit.clock import FakeClock
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.portal import CHEF, STAFF, START, Portal, open_portal
from tests.kit.ports import free_port
from workflow.app import bootstrap
from workflow.settings.loader import load_settings

CLIENTS, EACH, ROUNDS = 8, 25, 3
SLICE = 10
LEAST = 1 / 8
DELEGATE = {"why": "accueil des familles", "made_on": "2026-09-14"}


def bare() -> FastAPI:
    """The least that this framework serves."""
    app = FastAPI()

    @app.get("/")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def serve(config: str, port: int) -> None:
    """In a process of its own: the portal of ``config``, or the bare application when there is none."""
    app = create_app(bootstrap(load_settings(Path(config)), {}, clock=FakeClock(START))) if config else bare()
    uvicorn.run(app, port=port, log_level="error", access_log=False, timeout_keep_alive=600)


@contextmanager
def served(config: str) -> Iterator[int]:
    """The port of a server that answers."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(config, port), daemon=True)
    process.start()
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.join()


class Client:
    """One connection, kept."""

    def __init__(self, port: int, secret: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"} if secret else {}

    def ask(self, method: str, path: str, body: Any = None) -> int:
        """The status of an answer that was read whole."""
        self._connection.request(method, path, json.dumps(body) if body is not None else None, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def timed(count: int, ask: Callable[[int], int]) -> float:
    """Seconds for that many answers; each must be a success."""
    start = time.perf_counter()
    for number in range(count):
        status = ask(number)
        if status != 200:
            raise SystemExit(f"the answer n° {number} is {status}")
    return time.perf_counter() - start


def side_by_side(hello: Client, act: Client, references: list[str]) -> tuple[float, float]:
    """Answers a second of both, in turns of ``SLICE``: what else the machine does weighs on both alike."""
    plain = done = 0.0
    for start in range(0, len(references), SLICE):
        part = references[start : start + SLICE]
        plain += timed(len(part), lambda _: hello.ask("GET", "/"))
        done += timed(len(part), lambda n: act.ask("POST", f"/api/v1/requests/{part[n]}/delegate", DELEGATE))  # noqa: B023
    return len(references) / plain, len(references) / done


def prepare(portal: Portal, requests: int) -> tuple[str, list[str]]:
    """A chef's token, and its declared requests."""
    operator = portal.actor(STAFF)
    _, secret = portal.app.tokens.create(operator, CHEF.role, CHEF.uais, scope=Scope.ACT, label="mesure", days=30)
    return secret, [portal.declared(number) for number in range(requests)]


def hot_row(port: int, secret: str, reference: str) -> Counter[int]:
    """The statuses that eight clients get, each correcting the same request again and again."""

    def statuses_of(number: int) -> list[int]:
        client, path = Client(port, secret), f"/api/v1/requests/{reference}/amend"
        bodies = ({"mail": f"rupn.{number}.{turn}@ac-toulouse.fr"} for turn in range(EACH))
        versions = ({} if turn % 5 else {"expected_version": 2} for turn in range(EACH))
        return [client.ask("POST", path, body | version) for body, version in zip(bodies, versions, strict=True)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(status for statuses in pool.map(statuses_of, range(CLIENTS)) for status in statuses)


def measure(backend: str, requests: int) -> float:
    """Print the figures of one engine; returns the ratio of the transition's rate to the bare one's."""
    with tempfile.TemporaryDirectory() as folder, fresh_url(backend, Path(folder)) as url:
        with open_portal(Path(folder), url) as portal:
            secret, references = prepare(portal, requests * ROUNDS + 1)
            print(f"{backend}: {durability(portal.app.database)}")
        with served("") as plain, served(str(Path(folder) / "config.yaml")) as port:
            hello, act = Client(plain), Client(port, secret)
            timed(50, lambda _: hello.ask("GET", "/")), timed(5, lambda _: act.ask("GET", "/api/v1/me"))
            ratios = []
            for turn in range(ROUNDS):
                part = references[turn * requests : (turn + 1) * requests]
                bare_rate, done = side_by_side(hello, act, part)
                ratios.append(done / bare_rate)
                print(f"  hello {bare_rate:.0f}/s, transition {done:.0f}/s: {ratios[-1]:.3f} of it")
            ratio = hot_row(port, secret, references[-1])
            print(f"  hot row, {CLIENTS} clients: {dict(sorted(ratio.items()))}")
            if set(ratio) - {200, 409}:
                raise SystemExit("an answer of the hot row is an error")
    return median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=150, help="transitions in each of three rounds")
    requests = parser.parse_args().requests
    ratios = {backend: measure(backend, requests) for backend in BACKENDS}
    for backend, ratio in ratios.items():
        print(f"{backend}: a transition is done at {ratio:.3f} of the rate of a bare hello (at least {LEAST})")
    if min(ratios.values()) < LEAST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
