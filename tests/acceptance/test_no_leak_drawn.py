"""Drawn codes through the real command line: in the console's file and the mails, and nowhere else (R60, R97)."""

import pytest

from tests.acceptance.leak_search import UAIS, LeakSearch, leak_search
from tests.acceptance.test_no_leak import at_the_relay
from tests.kit.leaks import search

__all__ = ["leak_search"]

TYPED = "Zq7Xk2Wv9Bn4Tm6R"


def codes_of_file(leak_search: LeakSearch, number: int, *words: str) -> list[str]:
    """The codes of a batch's file, which alone is not kept among what was written."""
    done = leak_search.desk.oda("code", "file", str(number), *words)
    assert done.exit_code == 0, done.stderr
    leak_search.written.append(done.stderr)
    return [line.rpartition(";")[2] for line in done.stdout.splitlines()[1:]]


@pytest.mark.rule("R60", "R97", "R98")
def test_drawn__in_the_file_and_the_mails_alone(leak_search: LeakSearch) -> None:
    config = leak_search.desk.config
    config.write_text(config.read_text().replace("code:\n", "code:\n  source: drawn\n  length: 16\n"))
    first, second = leak_search.request(UAIS[0], 1), leak_search.request(UAIS[1], 2)
    leak_search.oda("code", "draw", "--ready")
    codes = codes_of_file(leak_search, 1)
    assert len(set(codes)) == 2
    assert all(len(code) == 16 for code in codes)
    leak_search.oda("code", "file", "1", code=1)
    assert codes_of_file(leak_search, 1, "--why", "la console a refusé le fichier") == codes
    leak_search.oda("code", "draw", first, code=1)
    leak_search.oda("code", "list", "--json")
    leak_search.look()
    assert leak_search.hits(*codes) == []
    leak_search.oda("code", "erase", "1", second)
    leak_search.oda("code", "done", "1")
    leak_search.tick(minutes=2)
    sent = {hit.secret for got in leak_search.relay.received for hit in search(codes, got.content)}
    assert len(sent) == 1

    typed = f"référence;code\n{second};{TYPED}\nODA-2027-09999;{TYPED}x\n"
    leak_search.oda("code", "issue", "-", "--dry-run", typed=typed, code=1)
    leak_search.oda("code", "issue", "-", "--yes", typed=typed, code=1)
    leak_search.tick(minutes=2)
    assert at_the_relay(leak_search, TYPED) == 1
    leak_search.look()
    assert leak_search.hits(*codes) == []
    assert leak_search.on_disk(*codes, TYPED) == []
