"""The books of an outbox at rest, checked against what the relay has: whatever happened, this must be true."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from notifications.messages.catalogue import CATALOGUE
from notifications.vocabulary import CODE_MAILS, Audience, Fault, Kind, Mail, Stage
from tests.kit.mail_processes import LEASE, MailProcesses
from tests.kit.send_attempts import late_send_attempts, send_attempts_of
from tests.kit.smtp import ScriptedRelay

ENDINGS = (Stage.SENT, Stage.UNCERTAIN, Stage.DEAD, Stage.CANCELLED)
DOUBTS = (Fault.LOST_REPLY, Fault.LEASE_LOST)


class OutboxInvariants:
    """``wrong`` says what does not add up, each in one line."""

    def __init__(self, post: MailProcesses, relay: ScriptedRelay) -> None:
        self._post, self._relay = post, relay
        self._mails = post.mails()
        self._copies = relay.copies()

    def wrong(self) -> list[str]:
        flaws = [f"mail {mail.id}: {line} ({mail})" for mail in self._mails for line in self._of(mail)]
        return [*flaws, *self._as_a_whole()]

    def _of(self, mail: Mail) -> Iterator[str]:
        copies = self._copies[mail.message_id or "?"]
        if mail.stage not in ENDINGS:
            yield f"no ending, {mail.stage}"
        if mail.lease_token or mail.next_attempt_at:
            yield "still somebody's, or still to be sent"
        if mail.doubted_at is None and copies != (mail.stage is Stage.SENT):
            yield f"{copies} copies, undoubted"
        if copies > 2:
            yield f"{copies} copies"
        if mail.stage is Stage.SENT and not copies:
            yield "sent, and the relay has nothing"
        if not self._explained(mail):
            yield f"nothing explains {mail.fault}"

    def _explained(self, mail: Mail) -> bool:
        """Whether what was done to the relay, or to the mail, gives this ending."""
        code = (mail.last_reply or "")[:3]
        refusals = [exchange for exchange in self._relay.transcript if exchange.reply[:3] == code and code[:1] == "5"]
        match mail.stage, mail.fault:
            case Stage.SENT, None:
                return mail.sent_at is not None
            case Stage.UNCERTAIN, fault:
                return fault in DOUBTS and mail.doubted_at is not None
            case Stage.CANCELLED, Fault.TOO_LATE:
                return mail.not_after <= self._post.clock.now()
            case Stage.CANCELLED, Fault.CODE_ERASED:
                return mail.reference in self._post.erased
            case Stage.DEAD, Fault.RECIPIENT_REFUSED:
                after_it = any(exchange.reply[3:].lstrip(" -").startswith(("5.1.", "5.2.")) for exchange in refusals)
                return after_it or any(f"<{mail.recipient}>" in exchange.command for exchange in refusals)
            case Stage.DEAD, Fault.MESSAGE_REFUSED:
                return any(exchange.command in ("DATA", "CONTENT", "END") for exchange in refusals)
        return False

    def _as_a_whole(self) -> Iterator[str]:
        dead = sorted(mail.id for mail in self._mails if mail.stage is Stage.DEAD)
        theirs = [mail.id for mail in self._mails if mail.audience is Audience.ESTABLISHMENT and mail.id in dead]
        alerts = [mail for mail in self._mails if mail.kind is Kind.MAIL_UNDELIVERABLE]
        if len(self._mails) - len(alerts) != self._post.written:
            yield f"{len(self._mails) - len(alerts)} mails, {self._post.written} were written"
        alerted = [CATALOGUE[alert.kind].decode(alert.context) for alert in alerts]
        named = sorted(lost.mail for alert in alerted for lost in (alert, *alert.others))
        untold = [mail.id for mail in self._mails if mail.id in theirs and mail.reported_at is None]
        if named != sorted({*theirs} - {*untold}) or len({alert.cause for alert in alerted}) != len(alerts):
            yield f"the alerts name {named}, of {theirs} dead, {untold} of them for tomorrow"
        late = [mail.id for mail in self._mails if mail.fault is Fault.TOO_LATE and mail.kind in CODE_MAILS]
        if sorted(self._post.deaths()) != sorted([*dead, *late]):
            yield f"the journal tells of {sorted(self._post.deaths())}, dead are {dead}, of a code too late {late}"
        for name in self._copies.keys() - {mail.message_id for mail in self._mails}:
            yield f"{name} is nobody's"
        with self._post.app.database.read() as connection:
            late = late_send_attempts(connection, timedelta(seconds=LEASE))
            often = Counter(send_attempts_of(connection))
        yield from (f"mail {number} was begun after its last hour" for number in late)
        for mail in self._mails:
            if often[mail.id] < mail.attempts:
                yield f"mail {mail.id}: {mail.attempts} attempts, begun {often[mail.id]} times"
        if self._post.restless():
            yield "the outbox is not at rest"
        yield from self._post.flaws()
