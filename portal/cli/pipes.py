"""Outputs that nobody reads any more: ``oda … | head``."""

import os
import select
import sys
from contextlib import suppress
from typing import TextIO


def _is_closed(stream: TextIO) -> bool:
    try:
        stream.flush()
        # An unbuffered output has nothing left to flush: the system is asked whether somebody still reads it.
        outputs = select.poll()
        outputs.register(stream.fileno(), 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in outputs.poll(0))
    except BrokenPipeError:
        return True
    except OSError:  # no file of the system behind it
        return False


def reader_is_gone() -> bool:
    """Whether one of our outputs is a closed pipe; if so it is muted, or Python would complain at its exit."""
    closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
    for stream in closed:
        with suppress(OSError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
    return bool(closed)
