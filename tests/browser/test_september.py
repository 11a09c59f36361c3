"""September at the rectorat: three hundred requests, two lists, the clicks from their files to the codes' mails."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import func, select

from notifications.outbox.store import MAILS
from tests.browser.conftest import DESK, Site
from tests.kit import browser as kit
from tests.kit.databases import fresh_url
from tests.kit.portal import STAFF, open_portal
from tests.kit.ports import free_port
from tests.kit.ready_requests import SCHOOLS, people_of, sent_requests

MANY = 300
ABSENT = 15
"""Requests whose person is in neither list."""
OTHERWISE = 45
"""Requests whose person has nom and prénom in each other's column: proposed, and confirmed by the operator."""
CLICKS = 30
BY_HAND = (138, 2700, 2 * MANY)
"""Clicks, keys and lines read of the same work by hand: 8 clicks for 20 requests (``test_checks``), 3 clicks and nine
keys a code for 50 codes (``test_worklist``), and every request looked for in both lists."""
CHOOSE_FILE = 2
"""Clicks to choose a file: the button, the file."""


def minutes(clicks: int, keys: int, lines: int) -> int:
    """The time that they take, reckoned at two seconds a click, a quarter of one a key and ten a line that is read."""
    return round((2 * clicks + keys / 4 + 10 * lines) / 60)


class Clicks:
    """A page on which the clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def on(self, role: str, name: str) -> None:
        self.count += 1
        self.page.get_by_role(role, name=name, exact=False).first.click()  # type: ignore[arg-type]

    def give(self, name: str, content: str) -> None:
        self.count += CHOOSE_FILE
        file = {"name": name, "mimeType": "text/csv", "buffer": content.encode("windows-1252")}
        self.page.set_input_files("#fichier", file)  # type: ignore[arg-type]
        self.on("button", "Lire sans rien changer")
        self.on("button", "Mettre cette liste en vigueur")


def lists() -> tuple[str, str]:
    """The list of RUPN, and that of the delegations that the chef made: a title with its date above the headings."""
    listing = ["Liste des RUPN au 14/09/2026", "UAI;Nom;Prénom;Adresse électronique"]
    delegations = ["Délégations au 14/09/2026", "UAI;Nom;Prénom;Courriel;Module;Début;Fin;Délégué par"]
    people = [(uai, person) for turn, uai in enumerate(SCHOOLS) for person in people_of(turn, MANY)]
    for number, (uai, person) in enumerate(people[ABSENT:]):
        nom, prenom = person["nom"].upper(), person["prenom"]
        if number < OTHERWISE:
            nom, prenom = prenom, nom
        row = f"{uai};{nom};{prenom};{person['mail']}"
        listing.append(row)
        module = "Administration des comptes EduConnect"
        delegations.append(f"{row};{module};01/09/2026;31/12/9999;MARTIN Claire")
    return "\r\n".join([*listing, ""]), "\r\n".join([*delegations, ""])


@pytest.mark.rule("R93", "R94", "R97")
def test_three_hundred_requests__checked_and_issued_in_few_clicks_and_no_key(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    settings = f"portal:\n  address: http://127.0.0.1:{port}\ncode:\n  source: drawn\n"
    with (
        fresh_url("sqlite", tmp_path) as url,
        open_portal(tmp_path, url, settings=settings) as portal,
        kit.listening(portal.asgi, port) as address,
    ):
        sent_requests(portal, MANY)
        site = Site(portal, browser, address)
        clicks = Clicks(site.window(STAFF, size=DESK).new_page())
        page = clicks.page
        page.goto("/rectorat")
        listing, delegations = lists()
        clicks.on("link", "Listes")
        clicks.on("link", "Importer la liste des RUPN")
        clicks.give("rupn.csv", listing)
        clicks.on("link", "Importer la liste des délégations")
        clicks.give("delegations.csv", delegations)
        clicks.on("link", "À vérifier")
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"{ABSENT + OTHERWISE} demandes à vérifier")
        clicks.count += 3  # the fold, the list of sizes, the size
        page.locator("summary", has_text="lignes par page").click()
        page.get_by_label("Lignes par page").select_option("50")
        clicks.on("button", "Afficher")
        proposals = page.get_by_role("button", name="à 90 et plus")
        while proposals.count():
            clicks.on("button", "à 90 et plus")
            clicks.on("button", "Enregistrer les réponses")
        clicks.on("link", "Demandes")
        ready = MANY - ABSENT
        clicks.on("link", f"Tirer les codes des {ready} demandes prêtes")
        clicks.on("button", f"Tirer les codes ({ready})")
        with page.expect_download():
            clicks.on("button", "Télécharger le fichier")
        clicks.on("button", f"C'est fait sur le serveur : envoyer les {ready} courriels")
        expect(page.locator("#fait")).to_contain_text(f"{ready} courriels vont partir")
        with portal.app.database.read() as connection:
            query = select(func.count()).select_from(MAILS).where(MAILS.c.kind == "code_issued")
            assert connection.execute(query).scalar_one() == ready
        site.close()
    with capsys.disabled():
        now, before = minutes(clicks.count, 0, 2 * OTHERWISE), minutes(*BY_HAND)
        print(f"\n{MANY} requests, {ready} of them issued: {clicks.count} clicks, no key; {now} min, by hand {before}")
    assert clicks.count <= CLICKS
