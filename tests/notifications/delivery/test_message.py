"""The message on the wire: its headers, and nothing that breaks out of them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.delivery.message import WIRE, Attachment, compose, new_message_id
from notifications.rendering.markup import HTML_SLOT, MASK, SLOT
from notifications.vocabulary import Audience, Kind, Mail, Stage
from tests.notifications.office import CENTRE, mail_settings

SETTINGS = mail_settings(25)
MAIL = Mail(
    id=1, kind=Kind.DECLARED, audience=Audience.ESTABLISHMENT, uai="0310001H", reference="ODA-2027-00042",
    recipient="ce.0310001h@ac-toulouse.fr", context="{}", priority=5, created_at=datetime(2026, 10, 12, tzinfo=UTC),
    not_after=datetime(2026, 11, 12, tzinfo=UTC), stage=Stage.SENDING, attempts=0, next_attempt_at=None,
    lease_token=None, message_id="<abc@ac-toulouse.fr>", dated_at=datetime(2026, 10, 12, 9, 0, 1, tzinfo=UTC),
    subject="[Clé ODA] Élodie : déclaration enregistrée", body="Bonjour,\n\n.point seul\n\nL'été « là »\n",
    html=None, papers=None,
    last_reply=None, fault=None, sent_at=None, doubted_at=None, seal_id=None, replaces_id=None,
)  # fmt: skip


def test_compose__headers() -> None:
    message = message_from_bytes(compose(MAIL, SETTINGS, None), policy=policy.default)
    assert {name: str(value) for name, value in message.items()} == {
        "From": "Clés ODA <cles@ac-toulouse.fr>",
        "To": "ce.0310001h@ac-toulouse.fr",
        "Reply-To": CENTRE,
        "Subject": MAIL.subject,
        "Date": "Mon, 12 Oct 2026 09:00:01 +0000",
        "Message-ID": "<abc@ac-toulouse.fr>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": "<oda-delegations.ac-toulouse.fr>",
        "References": "<oda-2027-00042@ac-toulouse.fr>",
        "Content-Language": "fr",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }
    assert message.get_content().replace("\r\n", "\n") == MAIL.body


def test_compose__is_plain_ascii_with_short_crlf_lines() -> None:
    content = compose(MAIL, SETTINGS, None)
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert max(len(line) for line in lines) <= 76
    assert not any(b"\n" in line or b"\r" in line for line in lines)


@pytest.mark.rule("R56")
def test_compose__twice_the_same() -> None:
    assert compose(MAIL, SETTINGS, None) == compose(MAIL, SETTINGS, None)


@pytest.mark.rule("R59")
def test_compose__without_a_reply_address_none_is_written() -> None:
    assert b"Reply-To" not in compose(MAIL, mail_settings(25, reply_to=None), None)


@pytest.mark.rule("R60")
def test_compose__the_code_in_its_place() -> None:
    mail = replace(MAIL, body=f"Voici :\n\n{SLOT}\n\nFin\n")
    message = message_from_bytes(compose(mail, SETTINGS, "S3cretAB12"), policy=policy.default)
    assert message.get_content().replace("\r\n", "\n") == "Voici :\n\n    S3cretAB12\n\nFin\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_compose__a_header_that_would_break_out_is_an_error(end: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compose(replace(MAIL, subject=f"Bonjour{end}Bcc: tous@ac-toulouse.fr"), SETTINGS, None)


def test_new_message_id__is_ours_and_never_the_same() -> None:
    ids = {new_message_id(SETTINGS) for _ in range(100)}
    assert len(ids) == 100
    assert all(item.startswith("<") and item.endswith("@ac-toulouse.fr>") for item in ids)


@pytest.mark.rule("R60", "R69")
def test_compose__text_then_html_then_files_and_the_code_in_both() -> None:
    mail = replace(MAIL, body=f"Voici :\n\n{SLOT}\n", html=f"<p>Été {HTML_SLOT}</p>\n")
    files = (Attachment(filename="bordereau.pdf", content=b"%PDF-1.7 \x00\xff", title="Bordereau"),)
    message = message_from_bytes(compose(mail, SETTINGS, "S3cretAB12", files), policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/mixed"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "S3cretAB12" in text.get_content()
    assert "Été" in html.get_content()
    assert "S3cretAB12" in html.get_content()
    assert MASK not in text.get_content() + html.get_content()
    (file,) = message.iter_attachments()
    assert (file.get_content_type(), file.get_filename()) == ("application/pdf", "bordereau.pdf")
    assert file.get_content() == files[0].content
    assert compose(mail, SETTINGS, "S3cretAB12", files) == compose(mail, SETTINGS, "S3cretAB12", files)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=400), st.text(max_size=200))
def test_compose__any_words_come_back_as_they_were(body: str, subject: str) -> None:
    words = " ".join(subject.split()) or "Objet"
    words = "".join(c for c in words if c.isprintable()) or "Objet"
    lines = body.replace("\u2028", "\n") + "\n"
    content = compose(replace(MAIL, subject=words, body=lines, html=f"<p>{lines}</p>\n"), SETTINGS, None)
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == lines
    assert " ".join(str(message["Subject"]).split()) == " ".join(words.split())


@given(body=st.text(st.sampled_from(".aé =\t\r\n\x0b\u2028"), max_size=120), has_html=st.booleans())
def test_compose__gives_the_bytes_of_the_library_s_own_writer(body: str, has_html: bool) -> None:
    """Ours does not go through the lines of a text again: what it spares may not be seen."""
    mail = replace(MAIL, body=body, html=body if has_html else None)
    composed = compose(mail, SETTINGS, None, [Attachment(filename="é.pdf", content=b"%PDF\r\n.x", title="x")])
    assert composed == message_from_bytes(composed).as_bytes(policy=WIRE)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", composed), "a bare line end may end the message for another server"


NAMES = st.text(
    st.one_of(st.sampled_from("éÉœ ,;:\"'()@.«»\\😀👩‍🏫-"), st.characters(exclude_categories=["C", "Z"])), max_size=300
).map(lambda text: " ".join(text.replace("<", "").replace(">", "").split()))


@given(name=NAMES, subject=NAMES, local=st.from_regex(r"[a-z]{1,60}", fullmatch=True))
@example(name="Académie de Toulouse, " + "é" * 140, subject="É" * 90, local="oda")
@example(name='L\'académie « numérique », dite "ODA" 😀', subject="x" * 70, local="oda")
@example(name="a" * 200, subject="mot " * 40, local="oda")
def test_headers__short_lines_whatever_the_names(name: str, subject: str, local: str) -> None:
    """RFC 2047: no encoded word of more than 75 characters, no line with one of more than 76; and both read back."""
    address = f"{local}@ac-toulouse.fr"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    settings = SETTINGS.model_copy(update={"sender": f'"{quoted}" <{address}>', "reply_to": address})
    content = compose(replace(MAIL, subject=subject), settings, None)
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    for line in head.split("\r\n"):
        words = re.findall(r"=\?\S+?\?=", line)
        assert all(len(word) <= 75 for word in words)
        assert len(line) <= (76 if words else 998)
        assert line.strip()
    message = message_from_bytes(content)
    written, mailbox = parseaddr(re.sub(r"\r?\n", "", message["From"]))
    assert (str(make_header(decode_header(written))), mailbox) == (name, address)
    assert str(make_header(decode_header(message["Subject"] or ""))).split() == subject.split()
    assert message["Reply-To"] == address
