"""Why a mail is not sent again or discarded: typed errors, each a French sentence with what to do."""

from notifications.mail import Mail


class MailRefusal(Exception):
    """The base of these refusals: ``str()`` is for a person, ``rule`` is its number in docs/processus.md."""

    rule = "R58"


class UnknownMail(MailRefusal):
    def __init__(self, mail_id: int) -> None:
        super().__init__(f"Aucun courriel ne porte le n° {mail_id}. Vérifier le numéro dans la liste des courriels.")


class NotRetryable(MailRefusal):
    def __init__(self, mail: Mail) -> None:
        super().__init__(f"Le courriel n° {mail.id} est « {mail.stage.label} » : il n'y a pas lieu de le renvoyer.")


class NotDiscardable(MailRefusal):
    def __init__(self, mail: Mail) -> None:
        super().__init__(f"Le courriel n° {mail.id} est « {mail.stage.label} » : il n'y a pas lieu de l'écarter.")


class CodeGone(MailRefusal):
    """The mail carried a code that is erased by now."""

    rule = "R62"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le code du courriel n° {mail.id} a été effacé : il ne peut plus être renvoyé."
            f" Réémettre un code pour la demande {mail.reference}."
        )


class LinkNotResent(MailRefusal):
    """The mail carried a sign-in link, which lives for minutes."""

    rule = "R72"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"Le courriel n° {mail.id} portait un lien de connexion, qui ne se renvoie pas :"
            " qui veut se connecter en demande un autre."
        )


class NoMailboxYet(MailRefusal):
    rule = "R15"

    def __init__(self, mail: Mail) -> None:
        super().__init__(
            f"L'établissement {mail.uai} n'a toujours pas de boîte : le courriel n° {mail.id} n'a nulle part où aller."
            " Fixer d'abord sa boîte."
        )
