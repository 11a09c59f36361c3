"""What sticks out of a page in the browser tests."""

from playwright.sync_api import Page

TOO_WIDE = """() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return "";
  const all = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > most + 1);
  return all.slice(0, 3).map((one) => one.outerHTML.slice(0, 80)).join(" | ") || "something";
}"""


def too_wide(page: Page) -> str:
    """What goes beyond the window's width; empty when nothing does.

    A click returns when the next page begins: it is measured when it is there.
    """
    page.wait_for_load_state()
    return str(page.evaluate(TOO_WIDE))


def fits(page: Page) -> None:
    """Nothing sticks out of the screen."""
    assert too_wide(page) == "", page.url
