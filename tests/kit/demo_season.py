"""One September, played once a run, for every demonstration of the tests: it takes twenty seconds to live."""

from functools import cache

from portal.demo.runtime import SeasonCache
from tests.kit.folders import lasting_folder
from tests.kit.ports import free_port


@cache
def demo_address() -> str:
    """Where every demonstration of this run says it is; a browser reaches one there."""
    return f"http://127.0.0.1:{free_port()}"


@cache
def season_cache() -> SeasonCache:
    """The season kept for the demonstrations of this run; the first one plays it."""
    return SeasonCache(lasting_folder("oda-season-") / "demo", demo_address())
