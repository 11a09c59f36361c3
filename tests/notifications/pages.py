"""An HTML mail as a reader's program takes it: its elements, what is written in them, their colours."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr"}
_RULE = re.compile(r"([^{}@]+)\{([^{}]*)\}")


@dataclass(eq=False)
class Element:
    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    texts: list[str] = field(default_factory=list)

    @property
    def style(self) -> dict[str, str]:
        return declarations(self.attributes.get("style", ""))

    @property
    def lineage(self) -> list["Element"]:
        """The element, then those around it."""
        return [self, *(self.parent.lineage if self.parent else [])]

    @property
    def is_hidden(self) -> bool:
        return any(
            element.style.get("display") == "none" or element.tag in ("title", "style") for element in self.lineage
        )


class Page(HTMLParser):
    """The page, read; AssertionError when its elements are not closed in their order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.texts: list[tuple[Element, str]] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs))
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open[-1] if self._open else None)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.texts.append((self._open[-1], data))

    def of(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def text_of(self, outer: Element) -> str:
        return "".join(text for element, text in self.texts if outer in element.lineage)

    @property
    def skeleton(self) -> list[str]:
        """The elements in their order, but for those that an address or a reference brings."""
        return [element.tag for element in self.elements if element.tag not in ("a", "span")]

    def rules(self) -> list[tuple[str, dict[str, str]]]:
        """The rules for dark screens: a selector and what it declares."""
        [sheet] = self.of("style")
        return [
            (selector.strip(), declarations(body.replace("!important", "")))
            for selectors, body in _RULE.findall(self.text_of(sheet).partition("{")[2])
            for selector in selectors.split(",")
        ]


def declarations(style: str) -> dict[str, str]:
    return {
        name.strip(): value.strip()
        for name, _, value in (declaration.partition(":") for declaration in style.split(";"))
        if value
    }


def matches(selector: str, element: Element) -> bool:
    """For the selectors that the frame has: ``tag``, ``.class``, ``.class tag``."""
    *outer, last = selector.split()
    if outer:
        return matches(last, element) and any(matches(outer[0], ancestor) for ancestor in element.lineage[1:])
    return element.attributes.get("class") == last[1:] if last[0] == "." else element.tag == last


def style_of(element: Element, name: str, rules: list[tuple[str, dict[str, str]]]) -> str:
    """The value of a property there: the rules win over the elements' own styles, the nearest element over others."""
    for node in element.lineage:
        ruled = [body[name] for selector, body in rules if name in body and matches(selector, node)]
        if ruled or name in node.style:
            return ruled[-1] if ruled else node.style[name]
    raise AssertionError(f"{name} is nowhere said for {element.tag}")


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
