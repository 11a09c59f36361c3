"""A relay that quotes the message it refuses: nothing of the code is kept of what it says (R60)."""

import base64
import quopri

import pytest

from notifications.delivery.message import mask_code
from notifications.rendering.markup import MASK

CODE = "Zq7Xk2Wv9Bn4Tm6R"


@pytest.mark.rule("R60")
def test_masked__the_code_alone_when_it_is_quoted_as_it_is() -> None:
    assert mask_code(f"554 5.6.0 I do not like {CODE} at all", CODE) == f"554 5.6.0 I do not like {MASK} at all"


@pytest.mark.rule("R60")
@pytest.mark.parametrize(
    "quoted",
    [
        CODE.lower(),
        CODE.upper(),
        CODE[:9],
        CODE[5:],
        f"{CODE[:8]}\r\n554 {CODE[8:]}",
        f"{CODE[:8]}\n554-5.7.1 {CODE[8:]}",
        f"{CODE[:5]}=\n{CODE[5:]}",
        f"{CODE[:10]}...",
        " ".join(CODE),
        "-".join(CODE[at : at + 4] for at in range(0, 16, 4)),
        base64.b64encode(f"x{CODE}".encode()).decode(),
        CODE.encode().hex(),
        "".join(f"={ord(letter):02X}" for letter in CODE),
        "".join(f"&#{ord(letter)};" for letter in CODE),
        quopri.encodestring(f"é{CODE[:4]}=20{CODE[4:]}".encode()).decode(),
        f"{CODE} and {CODE.lower()}",
    ],
)
def test_masked__the_status_alone_when_it_is_quoted_otherwise(quoted: str) -> None:
    assert mask_code(f"554 5.7.1 rejected: {quoted} (spam)", CODE) == f"554 5.7.1 {MASK}"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "550 5.1.1 <ce.0310001h@ac-toulouse.fr>: Recipient address rejected: User unknown in virtual mailbox table",
        "451 4.7.1 Greylisting in action, please come back in 00:05:00",
        "552 5.2.2 The email account that you tried to reach is over quota, see https://support.example.org/mail/quota",
        "554 5.7.1 Service unavailable; Client host [193.48.1.2] blocked using zen.spamhaus.org",
    ],
)
def test_masked__another_reply_stays_as_it_is(reply: str) -> None:
    assert mask_code(reply, CODE) == reply
    assert mask_code(reply, "AB12") == reply
