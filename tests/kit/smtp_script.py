"""What a test may make a relay answer: the words, the silences, and what a behaviour sees of a connection."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

COMMANDS = (
    "CONNECT", "EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT", "END", "RSET", "QUIT",
)  # fmt: skip
"""CONNECT is the banner; DATA the answer to the command; CONTENT what comes once 354 is given, while the message is
read; END the answer to the final dot."""


class Fault(Enum):
    """What may happen instead of an answer. At END all but DROP_UNKEPT keep the message, as a relay that took it."""

    DROP = "the connection is reset"
    DROP_UNKEPT = "the connection is reset and the message is lost"
    CLOSE = "the connection is closed politely, without an answer"
    HANG = "nothing comes"
    NOISE = "the right answer, and then bytes that mean nothing"


Reply = str | bytes | list[str]
"""A text is sent with its line end, a list as so many lines, bytes as they are; ACCEPT is the right answer."""

ACCEPT = ""


@dataclass(frozen=True, slots=True)
class Late:
    """An answer that comes after so many seconds."""

    seconds: float
    answer: Reply = ACCEPT


@dataclass(frozen=True, slots=True)
class Slow:
    """An answer that comes by pieces of so many bytes, ``seconds`` between two; at CONTENT, one line read at a time."""

    seconds: float
    piece: int = 1
    answer: Reply = ACCEPT


Answer = Reply | Fault | Late | Slow


@dataclass(slots=True)
class Visit:
    """One connection as its behaviours see it; ``open`` counts the connections at this instant, this one included."""

    number: int
    open: int = 1
    mails: int = 0
    greeted: bool = False
    encrypted: bool = False
    known: bool = False
    sender: str | None = None
    declared_size: int = 0
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""

    def forget(self) -> None:
        """Forget the mail that was begun."""
        self.sender, self.recipients, self.declared_size, self.content = None, [], 0, b""


Behaviour = Callable[[str, str, Visit], Answer]
"""Called with a command, the address that it names and the connection; ACCEPT when it has nothing against."""


@dataclass(slots=True)
class Line:
    """One line of the script; ``left`` None is for ever."""

    command: str
    answer: Answer
    remaining: int | None
    about: str | None

    def serves(self, command: str, about: tuple[str, ...]) -> bool:
        """Whether it answers this command; being asked uses it up."""
        if self.command != command or self.remaining == 0 or (self.about is not None and self.about not in about):
            return False
        self.remaining = self.remaining - 1 if self.remaining else self.remaining
        return True


def on_the_wire(reply: Reply) -> bytes:
    """The bytes of a reply."""
    if isinstance(reply, bytes):
        return reply
    lines = [reply] if isinstance(reply, str) else reply
    return "".join(f"{line}\r\n" for line in lines).encode()
