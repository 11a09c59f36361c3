"""/.well-known/security.txt: the address that is told of a flaw, by the settings (RFC 9116, R108)."""

import re
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from tests.kit.portal import Portal
from workflow.settings.infrastructure import SecurityContactSettings
from workflow.settings.warnings import check_posture

PLACE = "/.well-known/security.txt"


def with_contact(portal: Portal, monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    monkeypatch.setitem(vars(portal.app.settings), "security_contact", SecurityContactSettings(**values))


@pytest.mark.rule("R108")
def test_file__says_whom_to_tell_and_until_when(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert portal.client().get(PLACE).status_code == 404
    with_contact(portal, monkeypatch, contact="ssi@ac-toulouse.fr", policy="https://www.ac-toulouse.fr/ssi")
    answer = portal.client().get(PLACE)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    ahead = datetime.fromisoformat(fields.pop("Expires")) - portal.clock.now()
    assert timedelta(days=300) < ahead < timedelta(days=365)
    assert fields == {
        "Contact": "mailto:ssi@ac-toulouse.fr", "Preferred-Languages": "fr, en",
        "Canonical": f"{portal.context.settings.address}{PLACE}", "Policy": "https://www.ac-toulouse.fr/ssi",
    }  # fmt: skip


@pytest.mark.rule("R108")
@pytest.mark.parametrize("contact", ["http://ac-toulouse.fr", "ssi", "https://a b", "ssi@ac\n.fr", "mailto:x@y.fr/"])
def test_contact__is_a_mail_address_or_a_page_in_https(contact: str) -> None:
    with pytest.raises(ValidationError):
        SecurityContactSettings(contact=contact)
    assert SecurityContactSettings(contact="https://ac.fr/ssi").contact == "https://ac.fr/ssi"


@pytest.mark.rule("R108")
def test_posture__says_that_there_is_no_contact(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [point for point in check_posture(portal.app.settings, {}) if re.match("security_contact", point)]
    assert len(points) == 1
    with_contact(portal, monkeypatch, contact="ssi@ac-toulouse.fr")
    assert not [point for point in check_posture(portal.app.settings, {}) if "security_contact" in point]
