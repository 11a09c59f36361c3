"""The search that other tests trust: it finds the secret in every form, and nothing where there is none."""

import base64
import gzip
import io
import json
import os
import quopri
import random
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.kit.leaks import search

SECRET = "Zq7Xk2Wv9Bn4Tm6R"
SENTENCE = f"Le code à remettre est {SECRET}, à usage unique."
BYTES = SECRET.encode()
AROUND = os.urandom(3001)


def in_lines(text: bytes, width: int = 76) -> bytes:
    return b"\r\n".join(text[at : at + width] for at in range(0, len(text), width))


def zipped(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("mot.txt", SENTENCE * 20)
    return out.getvalue()


def mail(cte: str, sentence: str = SENTENCE) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Code à remettre"
    message["Message-ID"] = "<1@ac-toulouse.fr>"
    message.set_content("Bonjour,\n\n" + "é" * 70 + sentence + "\n", charset="utf-8", cte=cte)
    return message.as_bytes()


def mail_with_paper(paper: bytes) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Charte"
    message.set_content("Voir le papier joint.")
    message.add_attachment(paper, maintype="application", subtype="pdf", filename="charte.pdf")
    return message.as_bytes()


def pdf(sentence: str = SENTENCE) -> bytes:
    import typst

    made = typst.compile(f"#set page(width: 12cm)\n= Titre\n{sentence}".encode(), format="pdf")
    assert isinstance(made, bytes)
    assert sentence.encode() not in made
    return made


def encoded_header() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"{'é' * 30} {SENTENCE} {'à' * 30}"
    message.set_content("rien")
    return message.as_bytes()


FORMS: dict[str, Callable[[], bytes]] = {
    "raw": lambda: AROUND + BYTES + AROUND,
    "raw in a line that is folded": lambda: BYTES[:7] + b"\r\n " + BYTES[7:],
    "raw in groups": lambda: b"Zq7X k2Wv 9Bn4 Tm6R",
    "raw in lower case": lambda: BYTES.lower(),
    "UTF-16, little end first": lambda: AROUND + SECRET.encode("utf-16-le") + AROUND,
    "UTF-16, big end first": lambda: AROUND + SECRET.encode("utf-16-be") + AROUND,
    "base64 of UTF-16": lambda: base64.b64encode(b"x" + SECRET.encode("utf-16-le") + b"y"),
    "base64, at the beginning": lambda: base64.b64encode(BYTES + b"suite"),
    "base64, one byte later": lambda: base64.b64encode(b"x" + BYTES + b"suite"),
    "base64, two bytes later": lambda: base64.b64encode(b"xy" + BYTES),
    "base64 without padding": lambda: base64.b64encode(b"x" + BYTES).rstrip(b"="),
    "base64 for addresses": lambda: base64.urlsafe_b64encode(b"\xff\xfe" + BYTES + b"\xfb\xff"),
    "base64 in lines, in a log": lambda: repr(in_lines(base64.b64encode(bytes(50) + BYTES))).encode(),
    "quoted-printable, all of it escaped": lambda: b"".join(b"=%02X" % one for one in BYTES),
    "quoted-printable, some escaped, some broken": lambda: b"Zq=37Xk2=\nWv9=42n4Tm6R",
    "quoted-printable of the library": lambda: quopri.encodestring(("é" * 22 + SENTENCE).encode()),
    "percent, all of it": lambda: b"".join(b"%%%02x" % one for one in BYTES),
    "percent, in part": lambda: BYTES.replace(b"7", b"%37").replace(b"W", b"%57"),
    "hexadecimal": lambda: AROUND.hex().encode() + BYTES.hex().encode(),
    "hexadecimal in capitals": lambda: BYTES.hex().upper().encode(),
    "hexadecimal with spaces": lambda: BYTES.hex(" ").encode(),
    "hexadecimal with colons": lambda: BYTES.hex(":").upper().encode(),
    "hexadecimal as C writes it": lambda: ", ".join(f"0x{one:02x}" for one in BYTES).encode(),
    "hexadecimal as PostgreSQL writes it": lambda: b"\\x" + BYTES.hex().encode(),
    "JSON, all escaped": lambda: "".join(f"\\u{ord(one):04x}" for one in SECRET).encode(),
    "JSON, in part, in JSON": lambda: json.dumps('{"code": "\\u005aq7Xk2Wv9\\u0042n4Tm6R"}').encode(),
    "Python's escapes": lambda: b"".join(b"\\x%02x" % one for one in BYTES),
    "octal escapes": lambda: b"".join(b"\\%03o" % one for one in BYTES),
    "HTML, decimal": lambda: "".join(f"&#{ord(one)};" for one in SECRET).encode(),
    "HTML, hexadecimal, in part": lambda: BYTES.replace(b"X", b"&#x58;"),
    "zlib": lambda: AROUND + zlib.compress(SENTENCE.encode() * 9) + AROUND,
    "zlib, hardly": lambda: zlib.compress(SENTENCE.encode() * 9, 1),
    "zlib, cut short": lambda: zlib.compress(os.urandom(50) + SENTENCE.encode() + os.urandom(50))[:-20],
    "gzip": lambda: AROUND + gzip.compress(SENTENCE.encode() * 9),
    "zip": lambda: zipped(zipfile.ZIP_DEFLATED),
    "zip, stored": lambda: zipped(zipfile.ZIP_STORED),
    "zip in base64": lambda: in_lines(base64.b64encode(zipped(zipfile.ZIP_DEFLATED))),
    "gzip of quoted-printable": lambda: gzip.compress(BYTES[:8] + b"=\r\n" + BYTES[8:]),
    "PDF": pdf,
    "PDF among other bytes": lambda: AROUND + pdf() + AROUND,
    "mail in base64": lambda: mail("base64"),
    "mail in quoted-printable": lambda: mail("quoted-printable"),
    "mail among other lines": lambda: b"une ligne\n\n" + mail("base64"),
    "header in words of its own": encoded_header,
    "PDF in a mail": lambda: mail_with_paper(pdf()),
    "mail in a zip in base64": lambda: base64.b64encode(gzip.compress(mail("base64"))),
}


@pytest.mark.parametrize("form", FORMS)
def test_search__finds_each_form(form: str) -> None:
    assert search(SECRET, FORMS[form]()), form


@pytest.mark.parametrize("before", range(40, 60))
def test_search__finds_base64_wherever_its_lines_break(before: int) -> None:
    assert search(SECRET, in_lines(base64.b64encode(bytes(before) + BYTES + AROUND)))


@pytest.mark.parametrize("after", range(1, 16))
def test_search__finds_quoted_printable_wherever_its_line_breaks(after: int) -> None:
    assert search(SECRET, BYTES[:after] + b"=\r\n" + BYTES[after:])


@pytest.mark.parametrize("form", ["raw", "mail in base64", "PDF in a mail", "gzip"])
def test_search__finds_it_in_a_file_of_a_folder(form: str, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "rien.txt").write_text("rien")
    path = tmp_path / "a" / "b" / "x.bin"
    path.write_bytes(FORMS[form]())
    hits = search(BYTES, tmp_path)
    assert hits
    assert all(hit.where.startswith(str(path)) for hit in hits)


def test_search__finds_it_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{SECRET}.txt").touch()
    assert search(SECRET, tmp_path)


def database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a TEXT, b BLOB)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return connection


@pytest.mark.parametrize("form", ["raw", "PDF", "mail in quoted-printable", "zlib"])
def test_search__finds_it_in_a_row_of_sqlite(form: str, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        filler = os.urandom(4070)
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (filler + FORMS[form]() + filler,))
    assert search(SECRET, tmp_path / "x.sqlite")


@pytest.mark.parametrize("before", range(3980, 4100, 7))
def test_search__finds_it_across_pages_of_the_file_and_of_its_log(before: int, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (os.urandom(before) + BYTES + os.urandom(5000),))
        log = (tmp_path / "x.sqlite-wal").read_bytes()
        assert search(SECRET, log)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert search(SECRET, (tmp_path / "x.sqlite").read_bytes())


@pytest.mark.parametrize("secure", ["ON", "OFF"])
def test_search__finds_what_sqlite_deleted_and_did_not_wipe(secure: str, tmp_path: Path) -> None:
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute(f"PRAGMA secure_delete={secure}")
        connection.execute("INSERT INTO t VALUES (?, 'x')", (SENTENCE,))
        connection.execute("DELETE FROM t")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert bool(search(SECRET, tmp_path)) is (secure == "OFF")


def test_search__finds_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    noise = random.Random(60).randbytes(1_000_000)
    assert search(SECRET, noise) == []
    for innocent in (mail("base64", "rien"), mail("quoted-printable", "rien"), mail_with_paper(pdf("rien"))):
        assert search(SECRET, innocent) == []
    with closing(database(tmp_path / "x.sqlite")) as connection:
        connection.execute("INSERT INTO t VALUES ('rien', ?)", (noise[:9000],))
    assert search(SECRET, tmp_path) == []
    assert search(SECRET, SECRET[:-1]) == search(SECRET, SECRET[1:]) == []
