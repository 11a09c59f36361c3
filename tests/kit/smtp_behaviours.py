"""How real relays behave beyond a single answer: greylists, quotas, limits; for ``ScriptedRelay.behave``."""

from collections import Counter
from dataclasses import dataclass, field

from tests.kit.smtp_script import ACCEPT, Answer, Visit


@dataclass(slots=True)
class Greylisting:
    """Each pair of sender and recipient is put off so many times before it passes."""

    attempts: int = 1
    reply: str = "450 4.2.0 Greylisted, come back later"
    _seen: Counter[tuple[str | None, str]] = field(default_factory=Counter)

    def __call__(self, command: str, about: str, visit: Visit) -> Answer:
        if command != "RCPT" or self._seen[visit.sender, about] >= self.attempts:
            return ACCEPT
        self._seen[visit.sender, about] += 1
        return self.reply


@dataclass(frozen=True, slots=True)
class MailsPerConnection:
    """After so many mails a connection is told to come again, and closed."""

    most: int
    reply: str = "421 4.7.0 Too many mails on this connection"

    def __call__(self, command: str, about: str, visit: Visit) -> Answer:
        return self.reply if command == "MAIL" and visit.mails >= self.most else ACCEPT


@dataclass(frozen=True, slots=True)
class ConnectionsAtOnce:
    """No more than so many connections at once: the next one is told so by the banner, and closed."""

    most: int
    reply: str = "421 4.7.0 Too many connections"

    def __call__(self, command: str, about: str, visit: Visit) -> Answer:
        return self.reply if command == "CONNECT" and visit.open > self.most else ACCEPT


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """No message of more than so many bytes: refused on its word at MAIL, on its content at END."""

    most: int
    reply: str = "552 5.3.4 Message too big"

    def __call__(self, command: str, about: str, visit: Visit) -> Answer:
        size = {"MAIL": visit.declared_size, "END": len(visit.content)}.get(command, 0)
        return self.reply if size > self.most else ACCEPT


@dataclass(frozen=True, slots=True)
class OnlyRecipients:
    """Takes these recipients alone: a mail to several is then partly accepted."""

    known: frozenset[str]
    reply: str = "550 5.1.1 User unknown"

    def __call__(self, command: str, about: str, visit: Visit) -> Answer:
        return self.reply if command == "RCPT" and about not in self.known else ACCEPT


def pix_banner() -> str:
    """A banner as an old firewall lets it through."""
    return "220 " + "*" * 60
