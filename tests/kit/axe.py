"""axe-core on a page of the browser tests: what it finds, worded for whom must mend it."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]


RUN = """async options => {
    if (typeof axe !== "object") return null;
    const stuck = [...document.querySelectorAll("body *")].filter(e => getComputedStyle(e).position === "sticky");
    stuck.forEach(e => { e.style.position = "static"; });
    const results = await axe.run(document, options);
    stuck.forEach(e => { e.style.position = ""; });
    return results.violations;
}"""
"""A bar that sticks to the edge hides a link only until one scrolls: it stands in its own place while axe looks."""


@cache
def _source() -> str:
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        raise RuntimeError("axe_playwright_python is not installed")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def axe(page: Page) -> list[str]:
    """Every violation on this page, each with its rule, its elements and what axe says of the first.

    The script comes in by the browser's own debugger: our Content-Security-Policy stays as it is.
    """
    page.wait_for_load_state()
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    violations: list[dict[str, Any]] | None = page.evaluate(RUN, options)
    if violations is None:
        page.evaluate(_source())
        violations = page.evaluate(RUN, options)
    return [_worded(violation) for violation in violations or ()]


def _worded(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    where = "; ".join(" ".join(map(str, node["target"])) for node in nodes[:3])
    rest = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return (
        f"{violation['id']} ({violation['impact']}): {violation['help']} — {where}{rest}\n    {nodes[0]['html'][:200]}"
    )
