"""Which addresses are public, which are listed, and which no name may stand for (R84)."""

from typing import Any

import pytest
from pydantic import ValidationError

from workflow.settings.services import (
    ALLOW_CONNECTOR,
    AddressRefused,
    AllowedHosts,
    ConnectorSettings,
    check_addresses,
    destination,
    is_public,
)

PRIVATE = (
    "10.1.2.3", "127.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1", "172.16.0.1", "0.0.0.0", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::", "::1", "::10.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "185.75.143.24", "2a00:1450:4007::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8")
HOST = "oda.example"


@pytest.mark.rule("R84")
@pytest.mark.parametrize("text", PRIVATE)
def test_private__is_never_called_unlisted(text: str) -> None:
    assert not is_public(destination(text))
    with pytest.raises(AddressRefused, match=r"l'ajouter à removals\.connector\.allow"):
        check_addresses(HOST, ["8.8.8.8", text], AllowedHosts(), is_secure=True, setting=ALLOW_CONNECTOR)


@pytest.mark.rule("R84")
@pytest.mark.parametrize("text", PUBLIC)
def test_public__may_be_called_but_not_in_clear(text: str) -> None:
    assert check_addresses(HOST, [text], AllowedHosts(), is_secure=True, setting=ALLOW_CONNECTOR) == (text,)
    with pytest.raises(AddressRefused, match="par https://"):
        check_addresses(
            HOST, [text], AllowedHosts((HOST, "0.0.0.0/0", "::/0")), is_secure=False, setting=ALLOW_CONNECTOR
        )


@pytest.mark.rule("R84")
def test_allowed__by_name_by_address_or_by_network() -> None:
    for entry in (HOST, HOST.upper(), "10.1.2.3", "10.1.0.0/16"):
        assert check_addresses(HOST, ["10.1.2.3"], AllowedHosts((entry,)), is_secure=True, setting=ALLOW_CONNECTOR)
        assert check_addresses(
            HOST, ["::ffff:10.1.2.3"], AllowedHosts((entry,)), is_secure=True, setting=ALLOW_CONNECTOR
        )
    for entry in ("autre.example", "10.1.2.4", "10.2.0.0/16", "::/0"):
        with pytest.raises(AddressRefused):
            check_addresses(HOST, ["10.1.2.3"], AllowedHosts((entry,)), is_secure=True, setting=ALLOW_CONNECTOR)


@pytest.mark.rule("R84")
@pytest.mark.parametrize("text", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "::"])
def test_allowed__a_listed_name_does_not_lead_to_the_machine_s_own_link(text: str) -> None:
    with pytest.raises(AddressRefused):
        check_addresses(HOST, [text], AllowedHosts((HOST,)), is_secure=True, setting=ALLOW_CONNECTOR)


@pytest.mark.rule("R84")
def test_judged__a_name_that_leads_nowhere() -> None:
    with pytest.raises(AddressRefused, match="aucune adresse"):
        check_addresses(HOST, [], AllowedHosts((HOST,)), is_secure=True, setting=ALLOW_CONNECTOR)


@pytest.mark.rule("R84")
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url": "https://10.1.2.3/"}, "n'est pas une adresse publique"),
        ({"url": "https://[::ffff:127.0.0.1]/"}, "mène à 127.0.0.1"),
        ({"url": "http://oda.example/"}, "sans chiffrement"),
        ({"url": "http://oda.example/", "allow": ["oda.example"]}, "sans chiffrement"),
        ({"url": "http://8.8.8.8/", "allow": ["8.8.8.8"]}, "sans chiffrement"),
        ({"url": "http://10.1.2.3/", "allow": ["10.1.2.3"]}, "une adresse en https"),
        ({"url": "https://ex.com\t.evil/"}, "n'est pas l'adresse d'un service"),
        ({"url": "https://ex.com/a\nb"}, "n'est pas l'adresse d'un service"),
        ({"url": "https://127.1/"}, "n'est pas un nom de serveur"),
        ({"url": "https://0x7f000001/"}, "n'est pas un nom de serveur"),
        ({"url": "https://2130706433/"}, "n'est pas un nom de serveur"),
        ({"url": "https://u:motdepasse@oda.example/"}, "signé par le secret connector-key"),
        ({"url": "ftp://oda.example/"}, "n'est pas l'adresse d'un service"),
        ({"url": "https://oda.example:99999/"}, "n'est pas une adresse"),
        ({"url": "https://oda.example/a b"}, "n'est pas l'adresse d'un service"),
        ({"allow": ["10.1.2.3/24"]}, "ni un nom, ni une adresse, ni un réseau"),
        ({"allow": ["*.example"]}, "ni un nom, ni une adresse, ni un réseau"),
    ],
)
def test_settings__refuse_in_french_what_can_be_seen_beforehand(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ConnectorSettings.model_validate(values)
    assert words in str(refused.value)
    assert "motdepasse" not in str(refused.value)


@pytest.mark.rule("R84")
def test_settings__admit_a_listed_private_host() -> None:
    for url, allow in (
        ("https://10.1.2.3:8080/x", "10.1.2.0/24"),
        ("https://[fd00::1]/x", "fd00::/8"),
        ("http://127.0.0.1:8080/x", "127.0.0.1"),
        ("http://localhost:8080/x", "localhost"),
    ):
        assert ConnectorSettings.model_validate({"url": url, "allow": [allow]}).url == url
