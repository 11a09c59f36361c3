"""The relay of the campaign: it fails as it is told, and keeps of each mail what proves that it was taken."""

import re
import threading
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Final

from notifications.vocabulary import Fault
from tests.kit.smtp import ScriptedRelay, message_id
from tests.kit.smtp_script import Answer, Late, Slow, Visit

CODE_BEGINS: Final = "Zq7Xk2Wv"
"""How every code of the campaign begins, so that one search finds any of them."""

CODE: Final = re.compile(rf"{CODE_BEGINS}[A-Za-z0-9]{{8}}")
_TAKEN: Final = ("250", "4", "5")


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail that the relay took, without its text; ``codes`` are those that it carries."""

    message_id: str
    recipients: tuple[str, ...]
    codes: tuple[str, ...]


class ProvingRelay(ScriptedRelay):
    """Light enough for an hour: neither the mails nor the dialogue stay in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[KeptMail] = []
        self.replies: Counter[str] = Counter()
        self.refused: Counter[Fault] = Counter()
        self.doubtful_ends = 0
        self._noting = threading.Lock()

    def keep(self, visit: Visit) -> None:
        """Keep the proof of a mail alone."""
        codes = CODE.findall(_text_of(visit.content))
        self.kept.append(KeptMail(message_id(visit.content), tuple(visit.recipients), tuple(dict.fromkeys(codes))))

    def answer(self, command: str, *about: str, visit: Visit) -> Answer:
        """As told; an answer to the message that comes late, or by pieces, leaves its sender in doubt."""
        answer = super().answer(command, *about, visit=visit)
        if command in ("CONTENT", "END") and isinstance(answer, Late | Slow):
            with self._noting:
                self.doubtful_ends += 1
        return answer

    def note(self, visit: Visit, command: str, reply: str) -> None:
        """Count the answers; those after which a sender cannot know whether the mail was taken are counted apart."""
        verb = command.split()[0] if command else "?"
        with self._noting:
            self.replies[f"{verb} {reply[:3] if reply[:3].isdigit() else reply[:12]}"] += 1
            self.doubtful_ends += verb in ("END", "CONTENT") and not reply.startswith(_TAKEN)
            if reply.startswith("5"):
                is_of_recipient = verb == "RCPT" or reply[3:].lstrip(" -").startswith(("5.1.", "5.2."))
                self.refused[Fault.RECIPIENT_REFUSED if is_of_recipient else Fault.MESSAGE_REFUSED] += 1

    def copies(self) -> Counter[str]:
        """How many copies of each mail were taken, by Message-ID."""
        return Counter(mail.message_id for mail in list(self.kept))


def _text_of(content: bytes) -> str:
    if b"Content-Type" not in content:
        return ""
    body = message_from_bytes(content, policy=policy.default).get_body(("plain",))
    return str(body.get_content()) if body else ""
