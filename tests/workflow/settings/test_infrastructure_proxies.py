"""``portal.proxies``: whose word is believed on who calls; the portal's own addresses."""

import pytest
from pydantic import ValidationError

from workflow.settings.infrastructure import PortalSettings


def test_proxies__are_this_machine_unless_told() -> None:
    assert PortalSettings().proxies == ("127.0.0.1", "::1")


def test_proxies__are_addresses_or_networks() -> None:
    proxies = ("10.1.2.3", "10.1.2.0/24", "2001:db8::5", "2001:db8::/32")
    assert PortalSettings(proxies=proxies).proxies == proxies
    assert PortalSettings(proxies=()).proxies == ()


@pytest.mark.parametrize("wrong", ["*", "mandataire.ac-toulouse.fr", "10.1.2.3/24", "", "10.1.2"])
def test_proxies__anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="n'est pas une adresse IP"):
        PortalSettings(proxies=(wrong,))


@pytest.mark.parametrize("name", ["address", "satisfaction"])
@pytest.mark.parametrize("hidden", ["\t", " ", "\u2028", "\x00"])
def test_address__in_which_something_hides_is_refused(name: str, hidden: str) -> None:
    """What parts addresses drops a tab, and joins what it parted: another host would be read than is seen."""
    with pytest.raises(ValidationError):
        PortalSettings.model_validate({name: f"https://ex.com{hidden}.evil"})
