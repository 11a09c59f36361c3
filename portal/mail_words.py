"""The words of a stored mail as people may read them, wherever they look: no code, no sign-in link (R60, R72)."""

from notifications.catalogue import CATALOGUE
from notifications.mail import Mail
from notifications.mailer import Mailer
from notifications.rendering import Rendered, Unrenderable
from notifications.vocabulary import LINK_KINDS


def is_secret(mail: Mail) -> bool:
    """Whether nobody but its recipient may read its text."""
    return mail.kind in LINK_KINDS


def words_of(mail: Mail, mailer: Mailer) -> Rendered | None:
    """Its words, or those that it would have if it left now; None when they cannot be made."""
    if mail.subject is not None and mail.body is not None:
        return Rendered(mail.subject, mail.body, mail.html or "")
    try:
        return mailer.renderer.render(mail.kind, CATALOGUE[mail.kind].decode(mail.context), mailer.surroundings)
    except (Unrenderable, ValueError):
        return None
