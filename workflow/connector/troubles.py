"""Why no answer came, in French and on one line: the system's and the libraries' errors in our words."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpx2

from states import french

_CERTIFICATE: Final = {
    9: "il n'est pas encore valable", 10: "il a expiré", 18: "il n'est signé que par lui-même",
    62: "il est au nom d'un autre serveur", 64: "il est pour une autre adresse",
}  # fmt: skip
"""Why a certificate is not admitted, as OpenSSL numbers it (X509_V_ERR)."""


def told(error: BaseException, host: str, seconds: int) -> str:
    """What went wrong with a call to ``host``; ``seconds`` is how long an answer is waited for."""
    if isinstance(error, TimeoutError | httpx2.TimeoutException):  # what its cancelling broke is no cause
        return f"pas de réponse en {french.plural(seconds, 'seconde')}"
    for one in _causes(error):
        match one:
            case ssl.SSLCertVerificationError():
                why = _CERTIFICATE.get(one.verify_code, "l'autorité qui l'a signé est inconnue de cette machine")
                return f"le certificat de « {host} » n'est pas admis : {why}"
            case ssl.SSLError():
                return f"le chiffrement ne s'établit pas avec « {host} »"
            case socket.gaierror() | UnicodeError():
                return f"le nom « {host} » est inconnu"
            case OSError() if _is(one, errno.ECONNREFUSED):
                return f"connexion refusée par « {host} »"
            case OSError() if _is(one, errno.EHOSTUNREACH, errno.ENETUNREACH):
                return f"aucun chemin du réseau ne mène à « {host} »"
    if isinstance(error, httpx2.ConnectError):
        return f"la connexion à « {host} » ne s'établit pas"
    return "connexion perdue avant la fin de la réponse"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it comes from, the deepest first: the libraries wrap what the system said."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return reversed(chain)


def _is(error: OSError, *numbers: int) -> bool:
    """Whether the system says one of these; of several tries in vain, asyncio keeps the numbers as text."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)
