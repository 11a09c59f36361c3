"""A secret written in every form in which it might lie somewhere unseen: what the search for it must find."""

import base64
import gzip
import io
import json
import os
import quopri
import random
import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from string import ascii_letters, digits

AROUND = os.urandom(3001)


def marked(name: str) -> str:
    """Sixteen characters of its own for each name, the same every time."""
    return "".join(random.Random(name).choices(ascii_letters + digits, k=16))


def sentence(secret: str) -> str:
    return f"Le code à remettre est {secret}, à usage unique."


def in_lines(text: bytes, width: int = 76) -> bytes:
    return b"\r\n".join(text[at : at + width] for at in range(0, len(text), width))


def mail(cte: str, words: str, subtype: str = "plain") -> bytes:
    """A mail of these words, as the library encodes it."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Code à remettre"
    message["Message-ID"] = "<1@ac-toulouse.fr>"
    message.set_content("Bonjour,\n\n" + "é" * 70 + words + "\n", charset="utf-8", cte=cte, subtype=subtype)
    return message.as_bytes()


def mail_with_paper(paper: bytes) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Charte"
    message.set_content("Voir le papier joint.")
    message.add_attachment(paper, maintype="application", subtype="pdf", filename="charte.pdf")
    return message.as_bytes()


@cache
def pdf(words: str) -> bytes:
    """A paper whose words are nowhere in its bytes: they lie in deflated streams, by the numbers of a font."""
    import typst

    content = typst.compile(f"#set page(width: 12cm)\n= Titre\n{words}".encode(), format="pdf")
    assert isinstance(content, bytes)
    assert words.encode() not in content
    return content


def _zipped(secret: str, method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("mot.txt", sentence(secret) * 20)
    return out.getvalue()


def _encoded_header(secret: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"{'é' * 30} {sentence(secret)} {'à' * 30}"
    message.set_content("rien")
    return message.as_bytes()


def _sentence(secret: str) -> bytes:
    return sentence(secret).encode()


def _each(form: str, secret: str) -> bytes:
    return "".join(form % ord(letter) for letter in secret).encode()


def _in_part(form: str, secret: str) -> bytes:
    return "".join(form % ord(letter) if at in (1, 9) else letter for at, letter in enumerate(secret)).encode()


def _escaped(secret: str) -> str:
    return _in_part("\\u%04x", secret).decode()


def _page(secret: str) -> str:
    return f"<!doctype html><p>{'é' * 60}<strong>{secret[:5]}&#{ord(secret[5])};{secret[6:]}</strong></p>"


FORMS: dict[str, Callable[[str], bytes]] = {
    "raw": lambda s: AROUND + s.encode() + AROUND,
    "raw in a line that is folded": lambda s: f"{s[:7]}\r\n {s[7:]}".encode(),
    "raw in groups": lambda s: " ".join(s[at : at + 4] for at in range(0, 16, 4)).encode(),
    "raw in lower case": lambda s: s.lower().encode(),
    "UTF-16, little end first": lambda s: AROUND + s.encode("utf-16-le") + AROUND,
    "UTF-16, big end first": lambda s: AROUND + s.encode("utf-16-be") + AROUND,
    "base64 of UTF-16": lambda s: base64.b64encode(b"x" + s.encode("utf-16-le") + b"y"),
    "base64, at the beginning": lambda s: base64.b64encode(s.encode() + b"suite"),
    "base64, one byte later": lambda s: base64.b64encode(b"x" + s.encode() + b"suite"),
    "base64, two bytes later": lambda s: base64.b64encode(b"xy" + s.encode()),
    "base64 without padding": lambda s: base64.b64encode(b"x" + s.encode()).rstrip(b"="),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(b"\xff\xfe" + s.encode() + b"\xfb\xff"),
    "base64 in lines, in a log": lambda s: repr(in_lines(base64.b64encode(bytes(50) + s.encode()))).encode(),
    "quoted-printable, all of it escaped": lambda s: _each("=%02X", s),
    "quoted-printable, some escaped, some broken": lambda s: (
        _in_part("=%02X", s[:6]) + b"=\n" + _in_part("=%02X", s[6:])
    ),
    "quoted-printable of the library": lambda s: quopri.encodestring(("é" * 22 + sentence(s)).encode()),
    "percent, all of it": lambda s: _each("%%%02x", s),
    "percent, in part": lambda s: _in_part("%%%02x", s),
    "hexadecimal": lambda s: AROUND.hex().encode() + s.encode().hex().encode(),
    "hexadecimal in capitals": lambda s: s.encode().hex().upper().encode(),
    "hexadecimal with spaces": lambda s: s.encode().hex(" ").encode(),
    "hexadecimal with colons": lambda s: s.encode().hex(":").upper().encode(),
    "hexadecimal as C writes it": lambda s: ", ".join(f"0x{ord(letter):02x}" for letter in s).encode(),
    "hexadecimal as PostgreSQL writes it": lambda s: b"\\x" + s.encode().hex().encode(),
    "JSON, all escaped": lambda s: _each("\\u%04x", s),
    "JSON, in part, in JSON": lambda s: json.dumps(f'{{"code": "{_escaped(s)}"}}').encode(),
    "Python's escapes": lambda s: _each("\\x%02x", s),
    "octal escapes": lambda s: _each("\\%03o", s),
    "HTML, decimal": lambda s: _each("&#%d;", s),
    "HTML, hexadecimal, in part": lambda s: _in_part("&#x%x;", s),
    "zlib": lambda s: AROUND + zlib.compress(_sentence(s) * 9) + AROUND,
    "zlib, hardly": lambda s: zlib.compress(_sentence(s) * 9, 1),
    "zlib, cut short": lambda s: zlib.compress(os.urandom(50) + _sentence(s) + os.urandom(50))[:-20],
    "zlib, as PostgreSQL writes it": lambda s: b"\\x" + zlib.compress(_sentence(s) * 9).hex().encode(),
    "gzip": lambda s: AROUND + gzip.compress(_sentence(s) * 9),
    "zip": lambda s: _zipped(s, zipfile.ZIP_DEFLATED),
    "zip, stored": lambda s: _zipped(s, zipfile.ZIP_STORED),
    "zip in base64": lambda s: in_lines(base64.b64encode(_zipped(s, zipfile.ZIP_DEFLATED))),
    "gzip of quoted-printable": lambda s: gzip.compress(f"{s[:8]}=\r\n{s[8:]}".encode()),
    "PDF": lambda s: pdf(sentence(s)),
    "PDF among other bytes": lambda s: AROUND + pdf(sentence(s)) + AROUND,
    "PDF in a log": lambda s: repr(pdf(sentence(s))).encode(),
    "mail in base64": lambda s: mail("base64", sentence(s)),
    "mail in quoted-printable": lambda s: mail("quoted-printable", sentence(s)),
    "mail in HTML, in base64": lambda s: mail("base64", _page(s), "html"),
    "mail in HTML, in quoted-printable": lambda s: mail("quoted-printable", _page(s), "html"),
    "mail among other lines": lambda s: b"une ligne\n\n" + mail("base64", sentence(s)),
    "mail before one letter": lambda s: mail("base64", _page(s), "html") + b"\nune autre ligne de cinq" + b"x",
    "mail before two letters": lambda s: mail("base64", _page(s), "html") + b"\nune autre ligne de cinq" + b"xx",
    "mail before three letters": lambda s: mail("base64", _page(s), "html") + b"\nune autre ligne de cinq" + b"xxx",
    "mail before four letters": lambda s: mail("base64", _page(s), "html") + b"\nune autre ligne de cinq" + b"xxxx",
    "header in words of its own": _encoded_header,
    "PDF in a mail": lambda s: mail_with_paper(pdf(sentence(s))),
    "mail in a zip in base64": lambda s: base64.b64encode(gzip.compress(mail("base64", sentence(s)))),
}
"""What makes each form of a secret of sixteen letters and digits."""
