"""axe-core on a page of the browser tests: what it finds, worded for whom must mend it."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "RGAAv4", "best-practice"]


RUN = """async options => {
  const {innerWidth: width, sessionStorage: tab} = window;
  if (typeof axe !== "object") {
    if (!tab.getItem("axe")) return null;
    (0, eval)(tab.getItem("axe"));
    const {prototype} = axe.commons.color.Color, {parseString} = prototype, colours = new Map();
    prototype.parseString = function (text) {
      if (colours.has(text)) return Object.assign(this, colours.get(text));
      parseString.call(this, text);
      const {r, g, b, alpha} = this;
      colours.set(text, {r, g, b, alpha});
      return this;
    };
  }
  const frame = document.documentElement.cloneNode(true);
  frame.querySelectorAll("title, main, input[type=hidden]").forEach(part => part.remove());
  frame.querySelectorAll("[aria-current]").forEach(link => link.removeAttribute("aria-current"));
  const place = `${width} px: ${frame.outerHTML}`;
  const inked = tab.getItem(place) ? "main, main *, [aria-current], [aria-current] *" : "*";
  axe.configure({rules: [{id: "color-contrast", selector: inked}]});
  const stuck = [...document.querySelectorAll("body *")].filter(part => getComputedStyle(part).position === "sticky");
  stuck.forEach(part => { part.style.position = "static"; });
  const results = await axe.run(document, options);
  stuck.forEach(part => { part.style.position = ""; });
  tab.setItem(place, "seen");
  return results.violations;
}"""
"""A bar that sticks to the edge hides a link only until one scrolls: it stands in its own place while axe looks.

Contrasts are more than half of axe's work: those of what surrounds the content are looked at once in a tab for each
width, as long as it is the same to the letter, and a colour is read once in a page. The tab also keeps the script.
"""


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
        page.evaluate("source => sessionStorage.setItem('axe', source)", _source())
        violations = page.evaluate(RUN, options)
    return [_worded(violation) for violation in violations or ()]


def _worded(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    where = "; ".join(" ".join(map(str, node["target"])) for node in nodes[:3])
    rest = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return (
        f"{violation['id']} ({violation['impact']}): {violation['help']} — {where}{rest}\n    {nodes[0]['html'][:200]}"
    )
