"""The mail that tries the relay: with all that the others have, stored nowhere, and outside the outbox (R70)."""

from datetime import datetime

from notifications.contexts import RelayCheck
from notifications.mail import Mail
from notifications.mailer import Mailer
from notifications.message import compose, new_message_id
from notifications.vocabulary import Audience, Kind, Priority, Stage


def trial_mail(mailer: Mailer, facts: RelayCheck, recipient: str, now: datetime) -> bytes:
    """The whole message, text and HTML. Raises Unrenderable."""
    words = mailer.renderer.render_check(facts, mailer.surroundings)
    settings = mailer.settings
    mail = Mail(
        id=0,
        kind=Kind.MAIL_UNDELIVERABLE,  # composed, never stored: no kind is told to anybody
        audience=Audience.OPERATORS,
        uai=None,
        reference=None,
        recipient=recipient,
        context="{}",
        priority=Priority.REST,
        created_at=now,
        not_after=now,
        stage=Stage.SENDING,
        attempts=0,
        next_attempt_at=None,
        lease_token=None,
        message_id=new_message_id(settings),
        dated_at=now,
        subject=words.subject,
        body=words.body,
        html=words.html,
        papers=None,
        last_reply=None,
        fault=None,
        sent_at=None,
        doubted_at=None,
        seal_id=None,
        replaces_id=None,
    )
    return compose(mail, settings, None)
