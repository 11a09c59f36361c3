"""The documentation files joined to mails, read when they leave (R59)."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from notifications.authoring.examples import EXAMPLES, MAIL_CONTEXT
from notifications.delivery.message import (
    JOINED_TO,
    Attachment,
    DocumentMissing,
    attachments_of,
    has_attachments,
)
from notifications.messages.catalogue import Document, MailContext
from notifications.settings import MAX_BYTES, document_problem, megabytes
from notifications.vocabulary import Kind
from tests.notifications.templates import render

PDF = b"%PDF-1.7\nune page"


def context(path: Path, title: str = "Première connexion") -> MailContext:
    return replace(MAIL_CONTEXT, documents=(Document(title=title, filename=path.name, path=str(path)),))


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "guide.pdf"
    path.write_bytes(PDF)
    return path


@pytest.mark.rule("R59")
@pytest.mark.parametrize("kind", Kind)
def test_attachments__with_a_code_or_an_extended_key_alone(kind: Kind, pdf: Path) -> None:
    joined = kind in (Kind.CODE_ISSUED, Kind.CODE_REISSUED, Kind.CODE_TO_READ, Kind.KEY_EXTENDED)
    expected = (Attachment(filename="guide.pdf", title="Première connexion", content=PDF),) if joined else ()
    assert attachments_of(kind, context(pdf)) == expected
    assert has_attachments(kind, context(pdf)) is joined
    assert attachments_of(kind, MAIL_CONTEXT) == ()
    assert not has_attachments(kind, MAIL_CONTEXT)


def test_attachments__read_again_when_the_file_has_changed(pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = attachments_of(Kind.CODE_ISSUED, context(pdf))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda _: pytest.fail("read although nothing changed"))
        assert attachments_of(Kind.CODE_ISSUED, context(pdf)) == first
    pdf.write_bytes(PDF.replace(b"une", b"une autre"))
    assert attachments_of(Kind.CODE_ISSUED, context(pdf))[0].content == b"%PDF-1.7\nune autre page"
    stamp = pdf.stat()
    pdf.write_bytes(b"%PDF-1.7\nune chose page")
    os.utime(pdf, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert attachments_of(Kind.CODE_ISSUED, context(pdf))[0].content == b"%PDF-1.7\nune chose page"


@pytest.mark.rule("R59")
def test_attachments__a_file_that_is_gone_or_spoilt(pdf: Path) -> None:
    attachments_of(Kind.CODE_ISSUED, context(pdf))
    pdf.write_bytes(b"<html>")
    with pytest.raises(DocumentMissing, match=r"« Première connexion » : le fichier .*guide.pdf n'est pas un PDF"):
        attachments_of(Kind.CODE_ISSUED, context(pdf))
    pdf.unlink()
    with pytest.raises(DocumentMissing, match="n'existe pas : l'y mettre, ou corriger le chemin"):
        attachments_of(Kind.KEY_EXTENDED, context(pdf))
    assert attachments_of(Kind.DECLARED, context(pdf)) == ()


def test_problem__too_big_by_one_byte(pdf: Path) -> None:
    pdf.write_bytes(PDF.ljust(MAX_BYTES))
    assert document_problem(str(pdf)) is None
    pdf.write_bytes(PDF.ljust(MAX_BYTES + 1))
    assert "pèse 5,1 Mo, et 5 Mo au plus" in (document_problem(str(pdf)) or "")


@pytest.mark.parametrize(("size", "text"), [(1, "0,1 Mo"), (5_000_000, "5 Mo"), (8_230_000, "8,3 Mo")])
def test_megabytes(size: int, text: str) -> None:
    assert megabytes(size) == text


@pytest.mark.rule("R59")
@pytest.mark.parametrize("name", EXAMPLES)
def test_mail__says_what_is_joined_and_reads_no_file(name: str, tmp_path: Path) -> None:
    kind, facts = EXAMPLES[name]
    gone = tmp_path / "absent.pdf"
    for known in (context(gone), replace(context(gone), links=())):
        rendered = render(kind, facts, known)
        for text in (rendered.body, rendered.html):
            words = " ".join(text.split())
            assert ("Joint à ce message" in words, "« Première connexion »" in words) == (kind in JOINED_TO,) * 2
            assert "absent" not in words
