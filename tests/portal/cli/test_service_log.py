"""The log: one cause is one line a minute, with its count."""

import io
import json
import logging
from datetime import datetime

import pytest

from portal.cli.service import MOST_CAUSES, FrenchFormatter, JsonFormatter, OncePerMinute


@pytest.mark.rule("R87")
def test_log__tells_a_cause_once_a_minute_with_how_often() -> None:
    stream, now = io.StringIO(), [0.0]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FrenchFormatter())
    handler.addFilter(OncePerMinute(lambda: now[0]))
    log = logging.Logger("oda")
    log.addHandler(handler)
    for seconds in range(130):
        now[0] = float(seconds)
        log.error("mails wait: %s", "la base ne répond pas")
        log.error("incident %s : ValueError, a.py:12", f"{seconds:08X}")
        log.info("1 demande révoquée")
    lines = stream.getvalue().splitlines()
    mails = [line for line in lines if "les courriels attendent" in line]
    assert len(mails) == 3
    assert mails[1].endswith("(et 59 fois depuis la dernière ligne)")
    assert len([line for line in lines if "incident" in line]) == 3
    assert len([line for line in lines if "révoquée" in line]) == 130


def test_log__causes_without_end_share_their_lines() -> None:
    once = OncePerMinute(lambda: 0.0)
    written = sum(
        once.filter(logging.LogRecord("oda", logging.ERROR, "", 0, "x" * n, None, None)) for n in range(3 * MOST_CAUSES)
    )
    assert written <= MOST_CAUSES + 1


@pytest.mark.rule("R87")
def test_log__a_cause_that_lasts_is_told_less_often_until_it_has_stopped() -> None:
    now = [0.0]
    once = OncePerMinute(lambda: now[0])

    def lines(begin: int, end: int) -> list[int]:
        """The seconds of the lines of a database that is away, looked at every 2 s."""
        written = []
        for second in range(begin, end, 2):
            now[0] = float(second)
            record = logging.LogRecord("oda", logging.ERROR, "", 0, "mails wait: %s", ("la base",), None)
            if once.filter(record):
                written.append(second)
        return written

    assert lines(0, 2400) == [*range(0, 600, 60), 1140, 1740, 2340]
    assert lines(3000, 3100) == [3000, 3060]


@pytest.mark.rule("R115")
def test_log__as_json_says_the_same_on_one_line_and_no_exception_s_text() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("oda")
    log.addHandler(handler)
    log.error("mails wait: %s", "la base\nne répond pas")
    try:
        raise KeyError("Ab12Cd34")
    except KeyError:
        log.exception("tick failed: %s", "incident 0A")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["error", "error"]
    assert lines[0]["message"].startswith("les courriels attendent : la base")
    assert lines[1]["message"].endswith("incident 0A (KeyError)")
    assert datetime.strptime(lines[0]["at"], "%Y-%m-%dT%H:%M:%S%z").tzinfo
