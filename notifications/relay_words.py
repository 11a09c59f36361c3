"""What went wrong with the relay, in French: the server's own words, else the system's and the libraries' put in ours.

Kept with the mail and with the pause, shown by the pages, the command line and the operating log (R58, R70).
"""

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from aiosmtplib import SMTPException, SMTPResponseException

from notifications.outcomes import words
from notifications.settings import RelaySettings
from states import french

EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64
"""Why a certificate is not admitted, as OpenSSL numbers it (X509_V_ERR)."""
_CERTIFICATE: Final[Mapping[int, str]] = {
    NOT_YET: "il n'est pas encore valable",
    EXPIRED: "il a expiré",
    18: "il n'est signé que par lui-même",
    19: "l'autorité qui l'a signé est inconnue de cette machine",
    20: "l'autorité qui l'a signé est inconnue de cette machine",
    21: "l'autorité qui l'a signé n'est pas jointe",
    23: "il a été révoqué",
    OTHER_NAME: "il est au nom d'un autre serveur",
    OTHER_ADDRESS: "il est pour une autre adresse",
}
_LACKING: Final = {
    "STARTTLS": "le relais ne propose pas STARTTLS",
    "AUTH": "le relais ne propose pas d'identification",
    "authentication": "le relais ne propose aucune identification que le logiciel connaisse",
}
"""What the library says of the relay, by a word of its sentence."""


def told(error: BaseException, relay: RelaySettings) -> str:
    """What went wrong: the server's words, else the system's put in French; one line."""
    if isinstance(error, SMTPException) and isinstance(error.__cause__, OSError):
        return told(error.__cause__, relay)
    match error:
        case SMTPResponseException():
            return words(error.code, error.message)
        case ssl.SSLCertVerificationError():
            why = _CERTIFICATE.get(error.verify_code, f"défaut n° {error.verify_code} d'OpenSSL")
            return f"le certificat du relais n'est pas admis : {why}"
        case ssl.SSLError():
            return f"le chiffrement ne s'établit pas : {getattr(error, 'reason', None) or 'raison inconnue'}"
        case socket.gaierror():
            return f"le nom « {relay.host} » est inconnu"
        case OSError() if _is(error, errno.ECONNREFUSED):
            return f"connexion refusée par {relay.host}, port {relay.port}"
        case OSError() if _is(error, errno.EHOSTUNREACH, errno.ENETUNREACH):
            return f"aucun chemin du réseau ne mène à {relay.host}"
        case TimeoutError():
            return f"pas de réponse en {french.plural(relay.timeout_seconds, 'seconde')}"
        case ConnectionError():
            return "connexion perdue : le relais l'a coupée"
    lacking = next((said for word, said in _LACKING.items() if word in str(error)), None)
    return lacking or f"connexion perdue ({_name(error)})"


def _is(error: OSError, *numbers: int) -> bool:
    """Whether the system says one of these; of several addresses tried in vain, asyncio keeps the numbers as text."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


def _name(error: BaseException) -> str:
    """``ENOTCONN``, else the kind of the error: what a search finds, and no sentence."""
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)
