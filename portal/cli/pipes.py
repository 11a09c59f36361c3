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
        mute(stream)
    return bool(closed)


def mute(stream: TextIO) -> None:
    """Send what is left of an output nowhere: Python writes it again when it ends, and would change the exit code."""
    with suppress(OSError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def open_closed() -> None:
    """Give a place to the standard streams that the caller closed (``<&-``): Python has None there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open until the end
