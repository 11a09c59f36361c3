"""The worklist's page over 100,000 requests beside the same over 1,000, and a deep page beside the first:
``./run bench portal_list [--requests N] [--database …]``.

Whole pages, by the framework's own test client: session, counters, filters, list, HTML. Every state is there, half of
the requests being of years that are over; a tenth of what is live waits for the rectorat.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from fastapi.testclient import TestClient

from bench.worklist_population import populate
from tests.kit.databases import BACKENDS, fresh_url
from tests.kit.portal import STAFF, open_portal
from workflow.requests.worklist import Order

FEW = 1000
MOST = 1.3
"""By how many times a page may take longer, where there are more requests or further on."""
VIEWS = {
    "à l'arrivée": "/rectorat",
    "toutes en cours": "/rectorat?etat=en-cours",
    "par nom": "/rectorat?etat=en-cours&tri=nom",
    "un département": "/rectorat?etat=en-cours&departement=31",
    "recherche d'un nom": "/rectorat/recherche?mots=gaelle",
}
WALKS = {order.label: f"/rectorat?etat=en-cours&tri={order.value}" for order in Order}


@contextmanager
def browsing(backend: str, requests: int) -> Iterator[TestClient]:
    """An operator's browser on a portal with so many requests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with fresh_url(backend, folder) as url, open_portal(folder, url) as portal:
            populate(portal.app.database, requests, portal.clock.now())
            yield portal.client(STAFF)


def side_by_side(first: tuple[TestClient, str], second: tuple[TestClient, str], rounds: int) -> tuple[float, float]:
    """The median time of two pages, asked for in turn so that both meet the same machine."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for (client, address), durations in zip((first, second), times, strict=True):
            start = time.perf_counter()
            answer = client.get(address)
            durations.append(time.perf_counter() - start)
            if answer.status_code != 200:
                raise SystemExit(f"{address} : {answer.status_code}")
    return median(times[0][1:]), median(times[1][1:])


def same_length(first: TestClient, second: TestClient, address: str) -> None:
    """Only full pages are compared: more lines take more time, on the screen where they are seen."""
    lines = [client.get(address).text.count("<tr") for client in (first, second)]
    if lines[0] != lines[1]:
        raise SystemExit(f"{address} : {lines[0]} et {lines[1]} lignes")


def deep(client: TestClient, address: str, pages: int) -> str:
    """The address of a page far on, by the links that the pages give."""
    for _ in range(pages):
        html = client.get(address).text
        _, link, rest = html.partition("fr-pagination__link--next")
        if not link:
            raise SystemExit(f"{address} : il n'y a pas de page suivante")
        further = urlencode({"portee": "cochees", "aller": rest.partition('value="')[2].partition('"')[0]})
        base = address.partition("&apres")[0].partition("#")[0]
        address = str(client.get(f"{base}&{further}").url)  # where it leads
    return address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--pages", type=int, default=200, help="how far the deep page is")
    parser.add_argument("--database", choices=[*BACKENDS, "both"], default="both")
    options = parser.parse_args()
    ratios = []
    for backend in BACKENDS if options.database == "both" else [options.database]:
        with browsing(backend, FEW) as few, browsing(backend, options.requests) as many:
            for name, address in VIEWS.items():
                same_length(few, many, address)
                small, large = side_by_side((few, address), (many, address), options.rounds)
                ratios.append(large / small)
                print(f"{backend:<10} {name:<18} {small * 1e3:6.1f} ms à {FEW}, {large * 1e3:6.1f} ms à"
                      f" {options.requests} : rapport {large / small:.2f}")  # fmt: skip
            for name, address in WALKS.items():
                far = deep(many, address, options.pages)
                first, last = side_by_side((many, address), (many, far), options.rounds)
                ratios.append(last / first)
                print(f"{backend:<10} {name:<32} page 1 {first * 1e3:6.1f} ms, page {options.pages + 1}"
                      f" {last * 1e3:6.1f} ms : rapport {last / first:.2f}")  # fmt: skip
    print(f"le plus grand rapport est {max(ratios):.2f} (au plus {MOST})")
    if max(ratios) > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
