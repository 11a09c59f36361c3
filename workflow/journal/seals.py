"""The seal of a day: its canonical text, its digests, its signature (R109). docs/journal.md gives the exact bytes."""

import email
import email.policy
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from workflow.journal.chain import GENESIS, canonical_instant

TITLE: Final = "oda-sceau 1"
"""The first line of a seal: what it is, and the number of its format."""

NO_KEY: Final = "-"
"""The next key of a seal that announces none."""

_HEX: Final = r"[0-9a-f]{64}"

_TEXT: Final = re.compile(
    rf"{TITLE}\n"
    r"installation (?P<installation>\S+)\n"
    r"numero (?P<number>[1-9]\d{0,8})\n"
    r"jour (?P<day>\d{4}-\d\d-\d\d)\n"
    r"instant (?P<at>\S+)\n"
    rf"precedent (?P<previous>{_HEX})\n"
    rf"cle (?P<key>{_HEX})\n"
    rf"suivante (?P<next_key>{_HEX}|{NO_KEY})\n"
    r"chaines (?P<chains>\d{1,12})\n"
    rf"tetes (?P<heads>{_HEX})\n"
    r"changees (?P<changed>\d{1,12})\n"
    rf"lignes (?P<lines>{_HEX})\n"
)

_SENT: Final = re.compile(rf"(?P<text>{_TEXT.pattern})signature (?P<first>{_HEX})\nsignature (?P<second>{_HEX})\n")

_LINE: Final = re.compile(rf"(?P<stream>\S+) (?P<length>[1-9]\d{{0,8}}) (?P<hash>{_HEX})")

FIRST: Final = GENESIS
"""The hash that the first seal bears of the one before it."""


class SealedLine(NamedTuple):
    """The head of a chain: the number of its events, and the hash of the last."""

    stream: str
    length: int
    hash: str

    @property
    def text(self) -> str:
        """The line as the digests take it."""
        return f"{self.stream} {self.length} {self.hash}\n"


class LinesDigest:
    """The digest of lines given in the order of their streams' bytes, in constant memory. ``count`` counts them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = 0

    def add(self, line: SealedLine) -> None:
        """Take the next line."""
        self._digest.update(line.text.encode())
        self.count += 1

    @property
    def hex(self) -> str:
        """The SHA-256 of all the lines so far, in hexadecimal digits."""
        return self._digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SealContent:
    """All that a seal says. ``heads`` digests the head of every chain, ``lines`` those that changed since the last.

    ``key`` is the public key that signs; ``next_key`` the one that signs the seals after it, None for the same.
    """

    installation: str
    number: int
    day: date
    at: datetime
    previous: str
    key: str
    next_key: str | None
    chains: int
    heads: str
    changed: int
    lines: str

    @property
    def text(self) -> str:
        """The canonical text, which is signed."""
        return (
            f"{TITLE}\n"
            f"installation {self.installation}\n"
            f"numero {self.number}\n"
            f"jour {self.day.isoformat()}\n"
            f"instant {canonical_instant(self.at)}\n"
            f"precedent {self.previous}\n"
            f"cle {self.key}\n"
            f"suivante {self.next_key or NO_KEY}\n"
            f"chaines {self.chains}\n"
            f"tetes {self.heads}\n"
            f"changees {self.changed}\n"
            f"lignes {self.lines}\n"
        )

    @property
    def hash(self) -> str:
        """The hash of the text, which the next seal bears."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def key_of_the_next(self) -> str:
        """The public key with which the next seal is to be signed."""
        return self.next_key or self.key

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a canonical text. Raises ValueError when it is anything else, to the byte."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("not the text of a seal")
        found = match.groupdict()
        next_key = found["next_key"]
        content = cls(
            installation=found["installation"], number=int(found["number"]), day=date.fromisoformat(found["day"]),
            at=datetime.strptime(found["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
            previous=found["previous"], key=found["key"], next_key=None if next_key == NO_KEY else next_key,
            chains=int(found["chains"]), heads=found["heads"], changed=int(found["changed"]), lines=found["lines"],
        )  # fmt: skip
        if content.text != text:
            raise ValueError("not the canonical text of a seal")
        return content


@dataclass(frozen=True, slots=True)
class SignedSeal:
    """A seal as it is kept and sent: its text, its signature in 128 hexadecimal digits."""

    text: str
    signature: str

    @property
    def sent_form(self) -> str:
        """The lines that are sent: short enough to cross any mail unbroken."""
        return f"{self.text}signature {self.signature[:64]}\nsignature {self.signature[64:]}\n"

    def is_signed_by(self, public: str) -> bool:
        """Return True when the owner of this public key signed this very text."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
            key.verify(bytes.fromhex(self.signature), self.text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs seals, made from its secret: 32 bytes in 64 hexadecimal digits."""

    _private: Ed25519PrivateKey

    @classmethod
    def of(cls, secret: str) -> Self:
        """Read a secret. Raises ValueError for anything else, without quoting it."""
        if not re.fullmatch(_HEX, secret.strip()):
            raise ValueError("not a signing key")
        return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret.strip())))

    @property
    def public(self) -> str:
        """The public key, in 64 hexadecimal digits."""
        return self._private.public_key().public_bytes_raw().hex()

    def sign(self, content: SealContent) -> SignedSeal:
        """Sign the text of a seal."""
        return SignedSeal(content.text, self._private.sign(content.text.encode()).hex())


class SentSeal(NamedTuple):
    """A seal found in a file, with the changed lines that follow it, None when none do; ``source`` names the file."""

    source: str
    signed: SignedSeal
    lines: tuple[SealedLine, ...] | None


def sent_file(signed: SignedSeal, lines: Iterable[SealedLine]) -> Iterator[str]:
    """The text of a seal's file, line after line: the seal, an empty line, the lines of the chains that changed."""
    yield signed.sent_form
    yield "\n"
    for line in lines:
        yield line.text


def read_sent(path: Path) -> list[SentSeal]:
    """Read every seal in a file: one that the service wrote, a mail as it was saved, or a text that quotes some.

    Raises OSError.
    """
    text = _plain_text(path.read_bytes())
    text = "".join(f"{line.lstrip(' >').rstrip()}\n" for line in text.splitlines())
    matches = list(_SENT.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    seals = []
    for match, end in zip(matches, ends, strict=False):  # one end too many when there is none
        found = (_LINE.fullmatch(line) for line in text[match.end() : end].splitlines())
        lines = tuple(SealedLine(line["stream"], int(line["length"]), line["hash"]) for line in found if line)
        seals.append(SentSeal(path.name, SignedSeal(match["text"], match["first"] + match["second"]), lines or None))
    return seals


def _plain_text(content: bytes) -> str:
    """The words of a file: the body of a saved mail, or the whole."""
    message: Any = email.message_from_bytes(content, policy=email.policy.default)
    if message.get("From") and message.get("Subject") is not None:
        body = message.get_body(preferencelist=("plain", "html"))
        if body is not None:
            return str(body.get_content())
    return content.decode("utf-8", errors="replace")
