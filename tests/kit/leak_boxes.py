"""What may hold a secret shut away: compressed streams, archives, PDF, mails, the pages of a SQLite file."""

import base64
import io
import re
import struct
import zlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from functools import lru_cache
from itertools import pairwise, takewhile

MOST = 64 * 1024 * 1024
"""How many bytes at most are let out of one compressed stream."""
Box = tuple[str, bytes]
SQLITE = b"SQLite format 3\0"
HEAD = 4
"""Bytes at the head of a page that goes on with a long value: the number of the next one."""
FRAME = 24
"""Bytes before each page of SQLite's log."""
_HEADERS = re.compile(
    rb"(?im)(?:^[a-z][a-z-]{1,40}:[ \t][^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*"
    rb"^(?:mime-version|content-type|content-transfer-encoding|message-id):[^\r\n]*\r?\n"
    rb"(?:[ \t][^\r\n]*\r?\n|[a-z][a-z-]{1,40}:[ \t][^\r\n]*\r?\n)*"
)
"""A block of headers of which one is a mail's."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_MARKS = {
    b"\x78\x01": b"\x01", b"\x78\x5e": b"\x5e", b"\x78\x9c": b"\x9c", b"\x78\xda": b"\xda", b"\x1f\x8b\x08": b"\x1f",
    b"PK\x03\x04": b"\x03", b"%PDF-": b"%", SQLITE: b"\0", b"\x37\x7f\x06\x82": b"\x7f", b"\x37\x7f\x06\x83": b"\x7f",
}  # fmt: skip
"""Each with the byte of it that a text has least often: one byte is looked for twenty times as fast as two."""
_HEADER_MARKS = (b"mime-version:", b"content-type:", b"content-transfer-encoding:", b"message-id:")
"""What every box has about it: most bytes have none, which is seen at once."""


def boxes(text: bytes) -> Iterator[Box]:
    """What each box found in these bytes holds, with the box's kind."""
    if any(rare in text and mark in text for mark, rare in _MARKS.items()):
        yield from _compressed(text)
        yield from _members(text)
        yield from _pdfs(text)
        yield from _pages(text)
    lowered = text.lower()
    if any(mark in lowered for mark in _HEADER_MARKS):
        yield from _mail(text)


def _inflated(text: bytes, start: int, bits: int) -> bytes:
    """As much as can be let out, even of a stream whose end is missing."""
    machine, out = zlib.decompressobj(bits), b""
    try:
        out = machine.decompress(text[start : start + MOST], MOST)
    except zlib.error:
        return _piecemeal(text[start : start + 4096], bits)
    return out


def _piecemeal(text: bytes, bits: int) -> bytes:
    machine, out = zlib.decompressobj(bits), b""
    try:
        for at in range(len(text)):
            out += machine.decompress(text[at : at + 1])
    except zlib.error:
        return out
    return out


def _compressed(text: bytes) -> Iterator[Box]:
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", text):
        gzip = match[0][0] == 0x1F
        if len(out := _inflated(text, match.start(), 31 if gzip else 15)) >= 8:
            yield ("gzip" if gzip else "zlib"), out


def _members(text: bytes) -> Iterator[Box]:
    for match in re.finditer(rb"PK\x03\x04", text):
        header = text[match.start() : match.start() + 30]
        if len(header) < 30:
            continue
        method, name, extra = struct.unpack("<8xH16xHH", header)
        start = match.start() + 30 + name + extra
        if method == 8 and (out := _inflated(text, start, -15)):
            yield "zip", out


def _pdfs(text: bytes) -> Iterator[Box]:
    """The words of each PDF as a reader shows them: its fonts write them by numbers of their own."""
    for match in re.finditer(rb"%PDF-.*?%%EOF", text, re.DOTALL):
        if words := _words(match[0]):
            yield "pdf", words


@lru_cache(64)
def _words(pdf: bytes) -> bytes | None:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(pdf))
        words = "\n".join(page.extract_text() for page in reader.pages)
        about = "\n".join(str(value) for value in (reader.metadata or {}).values())
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None  # a piece of one: its streams are searched all the same
    return f"{words}\n{about}".encode()


def _mail(text: bytes) -> Iterator[Box]:
    """Each part of each mail, or of what is left of it, decoded by itself: a log may hold many, one after the other."""
    starts = [header.start() for header in _HEADERS.finditer(text)]
    for start, end in pairwise((*starts, len(text))):
        part: Message = message_from_bytes(text[start:end], policy=policy.compat32)
        for value in part.values():
            yield "header", b"".join(w if isinstance(w, bytes) else w.encode() for w, _ in decode_header(str(value)))
        for payload in _payloads(part):
            if payload not in text:
                yield "mail", payload


def _payloads(part: Message) -> Iterator[bytes]:
    """A part as a reader of mails decodes it, who may give up when other words follow; then its base64 lines alone."""
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        yield payload
    raw = part.get_payload()
    if isinstance(raw, str) and str(part["content-transfer-encoding"]).strip().lower() == "base64":
        body = "".join(takewhile(_BASE64.fullmatch, raw.strip().splitlines())).rstrip("=")
        whole = body[: len(body) - 1] if len(body) % 4 == 1 else body
        yield base64.b64decode(whole + "=" * (-len(whole) % 4))


def _pages(text: bytes) -> Iterator[Box]:
    """The pages of a SQLite file or of its log end to end, less their heads: a long value lies across several."""
    if pages := pages_of(text):
        yield "pages", b"".join(page[HEAD:] for page in pages)


def pages_of(text: bytes) -> list[bytes]:
    """The pages of a SQLite file, or those that its log holds, in their order; none of any other bytes."""
    if text.startswith(SQLITE):
        size = int.from_bytes(text[16:18], "big")
        size = 65536 if size == 1 else size
        return [text[at : at + size] for at in range(0, len(text), size)]
    if text[:4] in (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"):
        size = int.from_bytes(text[8:12], "big") + FRAME
        return [text[at + FRAME : at + size] for at in range(32, len(text), size)]
    return []
