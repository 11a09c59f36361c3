"""Every page that a role can reach by its links, as its users meet it: axe, widths, keyboard, no script, no stranger.

The pages are found by following the links from each role's home: a new page is covered once something leads to it.
"""

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, ViewportSize

from states import commands as c
from states.vocabulary import Change, RevokeReason
from tests.browser.conftest import DESK, TELEPHONE, Site
from tests.kit.axe import axe
from tests.kit.page_widths import TOO_WIDE
from tests.kit.portal import CHEF, DRANE, RUPN, STAFF, TWO_SCHOOLS, Portal
from workflow.auth.sessions import SessionUser

NARROW: ViewportSize = {"width": 320, "height": 740}
"""What 1280 px become at a zoom of 400 % (RGAA 10.11)."""
ALIKE = 2
"""Pages of one kind; requests in each state are seen by their own tests."""
FILES = (".pdf", ".csv", ".svg", ".json", "/export")
STOPS = 12
"""How many stops of the keyboard are looked at on a page."""
ROLES: dict[str, tuple[SessionUser | None, str]] = {
    "nobody": (None, "/"),
    "chef": (CHEF, "/etablissement"),
    "chef of two": (TWO_SCHOOLS, "/etablissement"),
    "operator": (STAFF, "/rectorat"),
    "reader": (DRANE, "/rectorat"),
    "rupn": (RUPN, "/rupn"),
}
LIKE_ANOTHER = ("chef of two", "reader")
"""Their pages are another role's with less or more on them: looked at on a telephone alone."""


def with_requests(portal: Portal) -> None:
    """A request in each state, one with a report, one revoked; two of last year, whose end is over."""
    portal.ended_last_year(8, 9)
    portal.declared(1)
    delegated = portal.declared(2)
    today = portal.app.policy.calendar.today(portal.clock.now())
    portal.do(c.Delegate(reference=delegated, why="accueil des familles", made_on=today), CHEF)
    portal.submitted(3)
    portal.checked(4)
    portal.issued(5)
    reported = portal.issued(6, code="Ef56Gh78")
    portal.do(c.ReportChange(reference=reported, change=Change.DEPARTURE, effective_on=today), CHEF)
    revoked = portal.issued(7, code="Ij90Kl12")
    portal.do(c.Revoke(reference=revoked, reason=RevokeReason.DEPARTURE), STAFF)


CONTENTS: set[tuple[str, str]] = set()
"""What axe has looked at, each with the window's size: most pages that are open to all are the same to each role."""


class Walk:
    """One role's way through the portal, from its home.

    No page holds a script, so that a page is the same without JavaScript: a window without it would show it twice.
    """

    def __init__(self, site: Site, session_user: SessionUser | None, home: str, *, whole: bool = True) -> None:
        self.site, self.home, self.whole = site, home, whole
        self.page = site.window(session_user, size=TELEPHONE).new_page()
        self.size = TELEPHONE
        self.wrong: list[str] = []
        self.addresses: list[str] = []
        self.frames: set[tuple[str, str]] = set()
        self.at = home
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.say(f"error: {error}"))
        self.page.on("request", lambda request: self._of_ours(request.url))

    def say(self, problem: str) -> None:
        self.wrong.append(f"{self.at}: {problem}")

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.say(f"console: {message.text}")

    def _of_ours(self, url: str) -> None:
        if not url.startswith((self.site.address, "data:")):
            self.say(f"asks another host: {url}")

    def go(self) -> None:
        """Every page, the nearest first."""
        to_see, known, counts = [self.home], {self.home}, Counter(kinds_of(self.home))
        while to_see:
            self.at = to_see.pop(0)
            if not self._opens():
                continue
            first = not kinds_of(self.at) <= {kind for address in self.addresses for kind in kinds_of(address)}
            self.addresses.append(self.at)
            facts = self.page.evaluate(FACTS)
            for link in paths_of(facts["links"], self.site.address):
                if link not in known and any(counts[kind] < ALIKE for kind in kinds_of(link)):
                    known.add(link)
                    counts.update(kinds_of(link))
                    to_see.append(link)
            self.look(facts, closely=first and self.whole)

    def _opens(self) -> bool:
        """Whether it is a page, and not a file to keep; what a link leads to is there in both cases."""
        place = urlsplit(self.at)
        is_file = place.path.endswith(FILES) or "format=" in place.query
        if is_file:
            status = self.page.request.get(self.at).status
        else:
            answer = self.page.goto(self.at)
            status = answer.status if answer else 0
        if status != 200:
            self.say(f"a link leads to {status}")
        return status == 200 and not is_file

    def look(self, facts: dict[str, Any], *, closely: bool) -> None:
        """What is asked of a page; the first of its kind is also seen at a desk, by keyboard and without script."""
        sizes = [TELEPHONE, NARROW, DESK] if closely else [TELEPHONE, NARROW]
        for size in sizes if self.size != sizes[-1] else reversed(sizes):  # a window that is resized lays its page anew
            self._resize(size)
            wide, lost = self.page.evaluate(BEYOND, "200%" if size == DESK else "")
            if wide:
                self.say(f"scrolls sideways at {size['width']} px: {wide}")
            if lost:
                self.say(f"leaves the screen in letters twice as large: {lost}")
            if size != NARROW and not self._is_known((f"{size}", facts["content"]), (f"{size}", facts["frame"])):
                self.wrong += [f"{self.at} at {size['width']} px: {violation}" for violation in axe(self.page)]
            if size == TELEPHONE and closely:
                self._by_keyboard()
        if closely and facts["scripts"]:
            self.say(f"is another without JavaScript: {facts['scripts']}")
        if closely and facts["headings"] != [True]:
            self.say("has no single h1")

    def _is_known(self, content: tuple[str, str], frame: tuple[str, str]) -> bool:
        """Whether axe has looked at this very content, for any role, and at this frame, for this role."""
        known = content in CONTENTS and frame in self.frames
        CONTENTS.add(content)
        self.frames.add(frame)
        return known

    def _resize(self, size: ViewportSize) -> None:
        if size != self.size:
            self.page.set_viewport_size(size)
            self.size = size

    def _by_keyboard(self) -> None:
        """Each stop shows where the keyboard is (RGAA 10.7): the key is held down."""
        self.page.evaluate(WATCH_STOPS)
        for _ in range(STOPS):
            self.page.keyboard.down("Tab")
        self.page.keyboard.up("Tab")
        for hidden in self.page.evaluate(UNSEEN):
            self.say(f"the keyboard's place is not seen on {hidden}")


FACTS = """() => {
  const frame = document.documentElement.cloneNode(true);
  frame.querySelectorAll("input[type=hidden]").forEach(field => field.remove());
  frame.querySelectorAll("[aria-current]").forEach(link => link.removeAttribute("aria-current"));
  frame.querySelectorAll("a").forEach(link => { link.search = ""; });
  const content = frame.querySelectorAll("title, main");
  content.forEach(part => part.remove());
  const isSeen = (part) => {
    const {width, height} = part.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(part).visibility === "visible";
  };
  const isScript = (part) =>
    part.matches("script, noscript") || part.getAttributeNames().some(name => name.startsWith("on"));
  return {
    content: [...content].map(part => part.outerHTML).join("").replaceAll(location.origin, ""),
    frame: frame.outerHTML,
    links: [...document.querySelectorAll("a[href]")].map(link => link.href),
    headings: [...document.querySelectorAll("h1")].map(isSeen),
    scripts: [...document.querySelectorAll("*")].filter(isScript).map(part => part.outerHTML.slice(0, 80)),
  };
}"""
"""A page's title and content, and what surrounds them: without the sessions' tokens, the portal's port, what its links
ask of their page, nor where in the menu one is. Where its links lead, whether each heading of the first level is seen,
and what makes a page differ where there is no JavaScript. What a page is asked by a selector of Playwright's has its
library compiled in that page, at a sixth of the cost of opening it, and each question goes through three processes:
this is one, without selectors."""

BEYOND = f"""size => {{
  const wide = ({TOO_WIDE})();
  if (!size) return [wide, []];
  const letters = document.documentElement.style;
  letters.setProperty("font-size", size, "important");
  const all = [...document.querySelectorAll("header a, header button, h1, h2, main button, main .fr-btn")];
  const lost = all.filter(part => !part.closest("table") && part.getBoundingClientRect().right > window.innerWidth + 1);
  letters.removeProperty("font-size");
  return [wide, lost.map(part => part.textContent.trim())];
}}"""
"""What is wider than the window; and what one must scroll sideways to reach, tables aside, in larger letters and the
same window (RGAA 10.4)."""

WATCH_STOPS = """() => {
  const drawn = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  window.unseen = [];
  document.addEventListener("focusin", ({target}) => {
    const shown = [getComputedStyle(target), getComputedStyle(target, "::before")];
    const label = target.nextElementSibling;
    if (label) shown.push(getComputedStyle(label, "::before"), getComputedStyle(label));
    if (!shown.some(drawn)) window.unseen.push(target.outerHTML.slice(0, 120));
  });
}"""
UNSEEN = """() => {
  document.activeElement.blur();
  return window.unseen;
}"""


def paths_of(links: list[str], address: str) -> list[str]:
    """Where these links lead in the portal, without their fragment."""
    ours = [urlsplit(link) for link in links if link.startswith(f"{address}/")]
    return list(dict.fromkeys(f"{link.path}?{link.query}" if link.query else link.path for link in ours))


def kinds_of(path: str) -> set[str]:
    """What may be new on a page: its place, whose data do not count, and each question of its address by itself."""
    parts = urlsplit(path)
    place = re.sub(r"ODA-\d{4}-\d{5}|\d{7}[A-Z]|(?<=/)\d+(-\d+)?(?=/|$)", "…", parts.path)
    return {place} | {f"{place}?{pair.partition('=')[0]}" for pair in parts.query.split("&") if pair} - {f"{place}?de"}


@pytest.mark.parametrize("role", ROLES)
def test_every_page__is_fit_to_be_shown(site: Site, role: str) -> None:
    """axe at 375 and 1280 px, no sideways scroll from 320 px on, the keyboard seen, no script, no other host."""
    with_requests(site.portal)
    walk = Walk(site, *ROLES[role], whole=role not in LIKE_ANOTHER)
    walk.go()
    assert len(walk.addresses) >= 6, walk.addresses
    assert not walk.wrong, "\n".join([f"{len(walk.wrong)} things to mend:", *dict.fromkeys(walk.wrong)])


EDGES = """kinds => kinds.map(kind => {
  const style = getComputedStyle(document.querySelector(`.oda-legend .oda-day--${kind}`));
  return [style.borderStyle, style.borderWidth, style.outlineStyle].join(" ");
})"""
"""How the days of some kinds are framed: what is left of them where the machine has its own colours."""

CURRENT = """() => [...document.querySelectorAll(".oda-parts .fr-tag")].map(tag => {
  const style = getComputedStyle(tag);
  return [tag.hasAttribute("aria-current"), [style.outlineStyle, style.fontWeight].join(" ")];
})"""


def test_forced_colours__hide_nothing_that_colour_alone_would_tell(site: Site) -> None:
    with_requests(site.portal)
    page = site.window(STAFF, size=DESK, forced_colours=True).new_page()
    page.goto("/rectorat/calendrier")
    kinds = page.evaluate(EDGES, ["weekend", "school_holiday", "unknown", "today"])
    assert len(set(kinds)) == len(kinds), kinds
    page.goto("/rectorat/retraits")
    looks = page.evaluate(CURRENT)
    (current,) = [look for is_current, look in looks if is_current]
    assert current not in [look for is_current, look in looks if not is_current]


INVISIBLE = """kinds => kinds.filter(kind => {
  const day = document.querySelector(`.oda-year .oda-day--${kind}:not(.oda-day--today)`);
  const [inks, grounds] = [day, day.closest("body")].map(part => getComputedStyle(part));
  const light = (colour) => (colour.match(/[0-9.]+/g) || []).slice(0, 3).reduce((sum, one) => sum + Number(one), 0);
  const own = getComputedStyle(day).backgroundColor;
  const ground = own === "rgba(0, 0, 0, 0)" ? grounds.backgroundColor : own;
  return Math.abs(light(inks.color) - light(ground)) < 300;
})"""
"""The kinds of days whose number has nearly the light of its ground."""


def test_dark__the_numbers_of_all_days_are_seen(site: Site) -> None:
    context = site.window(STAFF, size=DESK)
    page = context.new_page()
    page.emulate_media(color_scheme="dark")
    page.goto("/rectorat/calendrier")
    assert page.evaluate(INVISIBLE, ["school", "weekend", "school_holiday", "public_holiday"]) == []
