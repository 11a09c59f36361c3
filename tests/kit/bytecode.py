"""What Python compiles is kept for the processes that tests start, even where it may not lie beside its source.

Without it each of these processes compiles the whole world anew, which takes twice as long as importing it.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import (
    PYC_TAIL,
    _read_pyc,
    _rewrite_test,
    _write_pyc,
    assertstate_key,
    get_cache_dir,
    try_makedirs,
)

KEPT_IN = Path(__file__).parents[2] / ".tools" / "bytecode"


def keep_bytecode() -> None:
    """Have this process and its children keep what they compile, outside the tree where it was forbidden inside."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(KEPT_IN))
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"]
        sys.dont_write_bytecode = False


def rewrite_share(config: pytest.Config) -> None:
    """Have each worker rewrite the assertions of its share of the modules, before all of them read them all.

    Each would else rewrite every one of a new checkout, which takes twice as long as all that collecting does then.
    """
    worker = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    first, step = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    if step == 1 or sys.dont_write_bytecode:
        return
    state = config.stash[assertstate_key]
    for path in sorted(set(_test_modules(config)))[first::step]:
        folder = get_cache_dir(path)
        cached = folder / f"{path.stem}{PYC_TAIL}"
        if _read_pyc(path, cached) is None and try_makedirs(folder):
            source, code = _rewrite_test(path, config)
            _write_pyc(state, code, source, cached)


def _test_modules(config: pytest.Config) -> Iterator[Path]:
    for words in config.args:
        place = (config.invocation_params.dir / words.partition("::")[0]).resolve()
        yield from place.rglob("test_*.py") if place.is_dir() else [place] if place.is_file() else []
