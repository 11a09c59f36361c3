"""How sixteen characters may be written so that no eye sees them: what to look for, and in which readings of it."""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from html.entities import name2codepoint

import ahocorasick

BLANKS = b" \t\r\n\x0b\x0c"
_BETWEEN = BLANKS + b":-,;.|\0"
"""What may stand between the letters of a secret, and hides it no better."""
_LOWERED = bytes(range(256)).lower()
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_LETTERS = rb"[A-Za-z0-9+/_-]"
_RUN = re.compile(rb"(?<!%b)(?:%b{20,}(?:\r?\n|\\r\\n|\\n)?[ \t]?)+%b*={0,2}" % (_LETTERS, _LETTERS, _LETTERS))
_LINE_END = re.compile(rb"\\[rn]")
_HEX = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{64,}")
_IS_HEX, _IS_LETTER = (
    bytes(ord("x") if re.fullmatch(letter, bytes([code])) else 0 for code in range(256))
    for letter in (rb"[0-9a-fA-F]", _LETTERS)
)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"0": b"\0"}


def needles(secret: str) -> Iterator[tuple[str, bytes]]:
    """The secret as bytes, in each encoding of characters."""
    for encoding in _ENCODINGS:
        yield encoding, secret.encode(encoding)


@cache
def base64_needles(secret: bytes) -> frozenset[bytes]:
    """What base64 makes of these bytes wherever they begin in a group of three, less what their neighbours change."""
    written = set()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret + bytes(3))
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        written.add(whole[first:last])
    return frozenset(written | {needle.translate(bytes.maketrans(b"+/", b"-_")) for needle in written})


def _from_hex(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])


def _from_octal(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8) & 0xFF])


def _character(code: int) -> bytes:
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else b"?"


def _entity(match: re.Match[bytes]) -> bytes:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _character(name2codepoint[name.decode()]) if name.decode() in name2codepoint else match[0]
    return _character(int(decimal) if decimal else int(hexadecimal, 16))


def _quoted_printable(text: bytes) -> bytes:
    return re.sub(rb"=([0-9A-Fa-f]{2})", _from_hex, re.sub(rb"=[ \t]*\r?\n", b"", text))


def _percent(text: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", _from_hex, text)


def _backslashes(text: bytes) -> bytes:
    text = re.sub(rb"\\\\*u([0-9A-Fa-f]{4})", lambda match: _character(int(match[1], 16)), text)
    text = re.sub(rb"\\\\*x([0-9A-Fa-f]{2})", _from_hex, text)
    return re.sub(rb"\\\\*([0-3][0-7]{2})", _from_octal, text)


def _written_out(text: bytes) -> bytes:
    """What a program shows of bytes, ``b'x\\x9c\\n'``, made bytes again: each backslash counts once."""

    def byte_of(match: re.Match[bytes]) -> bytes:
        hexadecimal, letter = match.groups()
        return _PLAIN.get(letter, letter) if letter else bytes([int(hexadecimal, 16)])

    return re.sub(rb"\\(?:x([0-9a-fA-F]{2})|(.))", byte_of, text, flags=re.DOTALL)


def _entities(text: bytes) -> bytes:
    return re.sub(rb"&(?:#([0-9]{1,7});?|#[xX]([0-9A-Fa-f]{1,6});?|([A-Za-z]{2,8});)", _entity, text)


_READINGS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "quoted-printable": (b"=", _quoted_printable),
    "percent": (b"%", _percent),
    "backslash": (b"\\", _backslashes),
    "written out": (b"\\", _written_out),
    "written out twice": (b"\\\\", lambda text: _written_out(_written_out(text))),
    "entities": (b"&", _entities),
}


def readings(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes themselves, then what they say once each kind of escape is undone, where that says something else."""
    yield "", text
    for name, (mark, undo) in _READINGS.items():
        if mark in text and (undone := undo(text)) != text:
            yield name, undone


@cache
def _automaton(secrets: tuple[str, ...]) -> ahocorasick.Automaton:
    """Every form of every secret, to be looked for in one pass: there are a hundred for each."""
    automaton = ahocorasick.Automaton()
    for form in _forms(secrets):
        automaton.add_word(form.decode("latin-1"), form)
    automaton.make_automaton()
    return automaton


def _forms(secrets: tuple[str, ...]) -> Iterator[bytes]:
    for secret in secrets:
        yield from (secret.encode(), secret.encode().lower())
        for _, needle in needles(secret):
            yield from (needle, needle.hex().encode(), *base64_needles(needle))


def _folded(text: bytes) -> bytes:
    """In small letters, with nothing between them: what stands in some bytes stands so in these, letter by letter."""
    return text.translate(_LOWERED, _BETWEEN)


@cache
def _folded_automaton(secrets: tuple[str, ...]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for form in _forms(secrets):
        automaton.add_word(_folded(form).decode("latin-1"), form)
    automaton.make_automaton()
    return automaton


def _may_hold(secrets: tuple[str, ...], text: bytes) -> bool:
    """Nearly no bytes hold a secret, and one pass says so of all its forms, where telling them apart takes six.

    Escapes are taken out in a pass of their own: they are of two characters, so that one may begin in what precedes.
    """
    automaton = _folded_automaton(secrets)

    def stands_in(place: bytes) -> bool:
        return next(automaton.iter(place.decode("latin-1")), None) is not None

    folded = _folded(text)
    if stands_in(folded):
        return True
    closed = text.translate(None, BLANKS) if b"\\" in text else b""
    if len(lined := _LINE_END.sub(b"", closed)) < len(closed) and stands_in(_folded(lined)):
        return True
    hexadecimal = folded.replace(b"0x", b"").replace(b"\\x", b"")
    return len(hexadecimal) < len(folded) and stands_in(hexadecimal)


def forms_in(secrets: Iterable[str], text: bytes) -> Iterator[tuple[str, str]]:
    """Each secret that stands in these bytes with the name of each of its forms there, none of their escapes undone."""
    secrets = tuple(secrets)
    if not _may_hold(secrets, text):
        return
    automaton = _automaton(secrets)

    def forms_of(place: bytes) -> set[bytes]:
        return {form for _, form in automaton.iter(place.decode("latin-1"))}

    closed, joined = text.translate(None, BLANKS), text.translate(None, _BETWEEN)
    lowered = joined.lower()
    lined = _LINE_END.sub(b"", closed)
    in_text, in_joined, in_lowered, in_closed = map(forms_of, (text, joined, lowered, closed))
    in_lined = in_closed if lined == closed else forms_of(lined)
    hexadecimal = lowered.replace(b"0x", b"").replace(b"\\x", b"")
    in_hexadecimal = in_lowered if hexadecimal == lowered else forms_of(hexadecimal)
    for secret in secrets:
        if secret.encode() in in_text:
            yield secret, "raw"
        elif secret.encode() in in_joined | in_lined:
            yield secret, "raw, broken"
        elif secret.encode().lower() in in_lowered:
            yield secret, "raw, in another case"
        for encoding, needle in needles(secret):
            if encoding != "utf-8" and needle in in_text:
                yield secret, encoding
            if needle.hex().encode() in in_hexadecimal:
                yield secret, f"hexadecimal of {encoding}"
            if base64_needles(needle) & (in_closed | in_lined):
                yield secret, f"base64 of {encoding}"


def runs(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Every long run of base64, be it on one line or on many, and of hexadecimal, each once."""
    for run in dict.fromkeys(_matches(_HEX, _IS_HEX, 64, text)):
        yield "hexadecimal", run
    for run in dict.fromkeys(_matches(_RUN, _IS_LETTER, 20, text)):  # a log says the same thousands of times
        yield "base64", run


def _matches(pattern: re.Pattern[bytes], kinds: bytes, least: int, text: bytes) -> Iterator[bytes]:
    """What the pattern finds, tried only where so many letters of its own follow one another: ten times as quick."""
    marked, end = text.translate(kinds), 0
    while (start := marked.find(b"x" * least, end)) >= 0:
        match = pattern.match(text, start)
        assert match
        end = match.end()
        yield match[0]


def decoded(writing: str, run: bytes) -> Iterator[bytes]:
    """What such a run may stand for: base64 begins with any of its first four letters."""
    if writing == "hexadecimal":
        yield bytes.fromhex(run[: len(run) // 2 * 2].decode())
        return
    run = re.sub(rb"[^A-Za-z0-9+/_-]", b"", re.sub(rb"\\[rn]", b"", run))
    run = run.translate(bytes.maketrans(b"-_", b"+/"))
    for start in range(4):
        cut = run[start:]
        yield base64.b64decode(cut[: len(cut) // 4 * 4])
