"""A person reads why the relay takes nothing in French: no sentence of a library, none of the system (R58, R70)."""

import asyncio
import errno
import os
import socket
import ssl

import aiosmtplib
import pytest

from notifications.delivery.smtp import RelayConnection, RelayTrouble, describe_error
from notifications.settings import RelaySettings
from notifications.vocabulary import RelayFault
from tests.kit.smtp import ScriptedRelay
from tests.notifications.office import mail_settings

RELAY = RelaySettings(host="relais.fr", port=587, timeout_seconds=30)
LOST = "connexion perdue : le relais l'a coupée"


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed: some English")
    error.verify_code, error.verify_message = code, "some English"
    return error


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (aiosmtplib.SMTPResponseException(550, "5.7.1 Denied"), "550 5.7.1 Denied"),
        (aiosmtplib.SMTPServerDisconnected("Connection lost"), LOST),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), LOST),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), LOST),
        (aiosmtplib.SMTPReadTimeoutError("Timed out waiting for server response"), "pas de réponse en 30 secondes"),
        (TimeoutError(), "pas de réponse en 30 secondes"),
        (system(errno.ECONNREFUSED), "connexion refusée par relais.fr, port 587"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 587), [Errno 111] Connect call failed"),
         "connexion refusée par relais.fr, port 587"),
        (system(errno.ENETUNREACH), "aucun chemin du réseau ne mène à relais.fr"),
        (socket.gaierror(-2, "Name or service not known"), "le nom « relais.fr » est inconnu"),
        (caused(aiosmtplib.SMTPConnectError("Error connecting to relais.fr"), socket.gaierror(-2, "Name unknown")),
         "le nom « relais.fr » est inconnu"),
        (certificate(10), "le certificat du relais n'est pas admis : il a expiré"),
        (certificate(99), "le certificat du relais n'est pas admis : défaut n° 99 d'OpenSSL"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "le chiffrement ne s'établit pas : raison inconnue"),
        (aiosmtplib.SMTPException("SMTP STARTTLS extension not supported by server."),
         "le relais ne propose pas STARTTLS"),
        (aiosmtplib.SMTPException("The SMTP AUTH extension is not supported by this server."),
         "le relais ne propose pas d'identification"),
        (aiosmtplib.SMTPException("The SMTP AUTH extension is not supported by this server. Try connecting via TLS (or"
                                  " STARTTLS)."), "le relais ne propose pas d'identification"),
        (aiosmtplib.SMTPException("Connection already using TLS"), "connexion perdue (SMTPException)"),
        (system(errno.ENOTCONN), "connexion perdue (ENOTCONN)"),
    ],
)  # fmt: skip
@pytest.mark.rule("R70")
def test_describe_error__in_french(error: BaseException, sentence: str) -> None:
    assert describe_error(error, RELAY) == sentence


def refused(relay: ScriptedRelay) -> RelayTrouble:
    async def give() -> None:
        await RelayConnection(mail_settings(relay.port)).deliver("ce.0310001h@ac-toulouse.fr", content)

    async def content() -> bytes:
        raise AssertionError

    with pytest.raises(RelayTrouble) as caught:
        asyncio.run(give())
    return caught.value


@pytest.mark.rule("R70")
def test_pause__a_relay_that_is_down_is_told_in_french() -> None:
    with ScriptedRelay() as relay:
        relay.stop_listening()
        trouble = refused(relay)
        assert (trouble.fault, trouble.reply) == (
            RelayFault.DOWN, f"connexion refusée par 127.0.0.1, port {relay.port}"
        )  # fmt: skip
