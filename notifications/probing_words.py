"""What a trial of the relay tells, in French: what was found, the server's words, what to do (R70)."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aiosmtplib import SMTPResponseException

from notifications.relay_words import EXPIRED, NOT_YET, OTHER_ADDRESS, OTHER_NAME
from notifications.settings import RelaySettings
from notifications.vocabulary import Fault, RelayFault
from states import french
from states.vocabulary import Labelled

_ASKS_LOGIN: Final = (530, 535, 538)
_NEWER: Final = ("8BITMIME", "PIPELINING", "STARTTLS")
_ASK: Final = "montrer ces mots au responsable du relais"
_LOGIN: Final = "vérifier mail.relay.username et le secret smtp-password"


class Step(Labelled):
    """The steps of a trial, in their usual order."""

    CONNECTION = "connection", "connexion"
    BANNER = "banner", "accueil"
    OFFER = "offer", "possibilités"
    ENCRYPTION = "encryption", "chiffrement"
    LOGIN = "login", "identification"
    SENDER = "sender", "expéditeur"
    MAIL = "mail", "courriel d'essai"


def remedy(step: Step, error: BaseException, relay: RelaySettings) -> str:
    """What to do about it, naming the setting."""
    code = error.code if isinstance(error, SMTPResponseException) else 0
    if isinstance(error, ssl.SSLError):
        return _about_tls(error, relay)
    if step is Step.CONNECTION:
        return "vérifier mail.relay.host et mail.relay.port, et que le pare-feu laisse passer cette machine"
    if code == 421 or (400 <= code < 500 and step is not Step.LOGIN):
        return "attendre quelques minutes et recommencer : le relais remet à plus tard"
    if step is Step.BANNER and not code:
        return "vérifier mail.relay.port et mail.relay.security : un relais muet attend souvent « tls » (465)"
    if step is Step.ENCRYPTION:
        return "vérifier que mail.relay.security convient à mail.relay.port : starttls (587), tls (465) ou none (25)"
    if step is Step.LOGIN:
        return _LOGIN
    if step is Step.SENDER and code in _ASKS_LOGIN:
        return "le relais veut une identification : régler mail.relay.username et déposer le secret smtp-password"
    if step is Step.SENDER and code:
        return "mettre dans mail.sender une adresse que ce relais admet, ou la lui faire admettre"
    if step is Step.MAIL:
        return _ASK
    return f"{_ASK} : il doit admettre cette machine"


def _about_tls(error: ssl.SSLError, relay: RelaySettings) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"vérifier mail.relay.security : « {relay.security} » ne convient peut-être pas au port {relay.port}"
    if error.verify_code in (EXPIRED, NOT_YET):
        return "faire renouveler le certificat du relais, et vérifier l'heure de cette machine"
    if error.verify_code in (OTHER_NAME, OTHER_ADDRESS):
        return "mettre dans mail.relay.host le nom que porte le certificat"
    return "faire connaître à cette machine l'autorité qui a signé ce certificat, ou corriger mail.relay.host"


UNDELIVERED: Final[Mapping[Fault | RelayFault | None, str]] = {
    Fault.RECIPIENT_REFUSED: "vérifier l'adresse, ou en donner une autre avec --to",
    Fault.DEFERRED: "attendre quelques minutes et recommencer : le relais remet à plus tard",
    Fault.DROPPED: "recommencer ; si cela dure, montrer ces mots au responsable du relais",
    Fault.LOST_REPLY: "regarder si le courriel est arrivé, puis recommencer",
    RelayFault.BUSY: "attendre quelques minutes et recommencer : le relais remet à plus tard",
    RelayFault.LOGIN_REFUSED: _LOGIN,
    RelayFault.SENDER_REFUSED: "mettre dans mail.sender une adresse que ce relais admet, ou la lui faire admettre",
    RelayFault.RELAY_DENIED: "faire admettre cette machine par le responsable du relais, ou régler mail.relay.username",
}
"""What to do when the trial mail is not taken."""


def offer(extensions: Mapping[str, str], mechanisms: list[str], *, has_starttls: bool) -> str:
    """What EHLO offered: ``messages jusqu'à 34 Mo, 8BITMIME, PIPELINING ; identification par PLAIN et LOGIN``."""
    names = {name.upper() for name in extensions} | ({"STARTTLS"} if has_starttls else set())
    parts = [_size(extensions["size"])] if "size" in extensions else []
    parts += [name for name in _NEWER if name in names]
    if lacking := [name for name in _NEWER[:2] if name not in names]:
        parts.append(f"sans {french.listing(lacking, 'ni')}")
    login = french.listing([one.upper() for one in mechanisms])
    return ", ".join(parts) + (f" ; identification par {login}" if login else " ; aucune identification")


def _size(given: str) -> str:
    octets = int(given) if given.strip().isdecimal() else 0
    if not octets:
        return "messages de toute taille"
    millions = octets / 1e6
    return f"messages jusqu'à {f'{millions:.0f}' if millions >= 10 else f'{millions:.1f}'.replace('.', ',')} Mo"


def certificate(shown: Mapping[str, Any]) -> str:
    """``certificat de relais.ac-toulouse.fr, valable jusqu'au 1er mars 2027``; empty when none was checked."""
    if not shown:
        return ""
    names = [value for _, value in shown.get("subjectAltName", ())]
    common = [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    owner = (names or common or ["(sans nom)"])[0]
    return f"certificat {french.de(owner)} valable jusqu'au {french.day(until.date())}"
