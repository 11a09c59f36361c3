"""A mail's link that the settings close to some roles (R101): said politely, and nobody learns who they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from states.vocabulary import Role
from tests.kit.installation import OPERATOR, READER
from tests.kit.portal import CHEF, Portal, open_portal
from tests.kit.sign_in import BROWSER, link_mails, secrets_of
from workflow.auth.sign_in_links import LinkRequest

pytestmark = pytest.mark.rule("R101")

SETTINGS = """\
sign_in:
  mail_link: [{roles}]
  providers:
    - {{name: proconnect, label: ProConnect, issuer: "https://fournisseur.test", client_id: oda}}
"""


@pytest.fixture
def portal(database_url: str, tmp_path: Path) -> Iterator[Portal]:
    secret = tmp_path / "secrets" / "provider-proconnect"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.write_text("x" * 32)
    secret.chmod(0o600)
    with open_portal(tmp_path, database_url, settings=SETTINGS.format(roles="reader")) as portal:
        yield portal


def test_closed_to_establishments__no_form_and_no_link(portal: Portal) -> None:
    client = portal.client()
    page = client.get("/connexion")
    assert "la connexion par un lien reçu par courriel est fermée" in page.text
    assert 'name="uai"' not in page.text
    answers = [client.post("/connexion", data={"uai": uai}) for uai in ("0310001H", "9999999P", "colomiers")]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.text for answer in answers}) == 1
    portal.context.links.send_to_establishment("0310001H", LinkRequest(client="192.0.2.1", browser=BROWSER))
    assert link_mails(portal.app) == []


def test_closed_to_establishments__none_is_added(portal: Portal) -> None:
    client = portal.client(CHEF)
    assert "Ajouter un autre établissement" not in client.get("/compte").text


def test_closed_to_operators__same_answer_as_to_readers(portal: Portal) -> None:
    client = portal.client()
    answers = [client.post("/connexion/rectorat", data={"adresse": address}) for address in (OPERATOR, READER)]
    assert len({(str(answer.url), answer.text) for answer in answers}) == 1
    assert [mail.recipient for mail in link_mails(portal.app)] == [READER]


def test_closed_since__a_link_already_sent_opens_nothing(portal: Portal) -> None:
    client = portal.client()
    client.post("/connexion/rectorat", data={"adresse": READER})
    (secret,) = secrets_of(portal.app)
    assert portal.context.links.preview(secret, browser=BROWSER) is not None
    closed = portal.app.settings.sign_in.model_copy(update={"mail_link": ("chef",)})
    assert not closed.may_use_mail(Role.READER)
    portal.context.links._doors = closed
    assert client.post(f"/connexion/lien/{secret}").status_code == 410
