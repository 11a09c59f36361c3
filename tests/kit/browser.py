"""A real Chromium on a portal that really listens: the system's (see ``tests.kit.debian``)."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, expect, sync_playwright

from tests.kit.debian import find

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--js-flags=--no-turbofan --no-maglev"]  # fmt: skip
"""No page lasts long enough for what the two slow compilers of its script, which is axe's alone, would give back."""
PATIENCE_MS = 20_000
"""How long a page may take to show what a test waits for: a CI machine is slow, and a page that is well is not waited
for."""


def executable() -> str | None:
    """The Chromium of this machine; None when it has none."""
    return find(*NAMES)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable(), args=[*ARGUMENTS, *sandbox])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def listening(app: FastAPI, port: int) -> Iterator[str]:
    """The application behind a real port, in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(5)
