"""An export is recorded beside the file: no name, no held database, and nothing lost when it does not answer (R108)."""

import logging
from datetime import date

import pytest

from states.vocabulary import State
from tests.kit.portal import STAFF, Portal
from tests.kit.sign_in import installation_events
from workflow.database.connection import Database
from workflow.database.faults import DatabaseBusy
from workflow.journal.security_log import Export, ExportedList, criteria_codes, filter_codes

pytestmark = pytest.mark.rule("R108")


@pytest.mark.parametrize(("page", "codes"), [
    ("/rectorat", ""),
    ("/rectorat?etat=code-transmis&etat=revoquee&nom=Dupont", "etat=code-transmis etat=revoquee nom=*"),
    ("/rectorat?departement=Dupont&annee=dupont", "departement=* annee=*"),
    ("/rectorat?departement=2A&annee=2026-2027&tri=nom", "departement=2A annee=2026-2027 tri=nom"),
    ("/rectorat/recherche?mots=Jean+Dupont", "mots=*"),
    ("/rectorat/courriels?etablissement=0310001H&demande=ODA-2027-00001&suite=x", "etablissement=0310001H "
     "demande=ODA-2027-00001"),
    ("/rectorat/fin-d-annee/2026-2027/non-renouveles?departement=31", "annee=2026-2027 departement=31"),
    ("/rectorat/drane/12", "n=12"),
    ("/rectorat?Dupont=31&jean.dupont%40x.fr=1", ""),
])  # fmt: skip
def test_filters__are_codes_and_never_what_was_typed(page: str, codes: str) -> None:
    assert filter_codes(page) == codes


def test_criteria__of_a_command_likewise() -> None:
    criteria = {
        "states": (State.REQUESTED,), "name": "Dupont", "departement": "31", "late": True, "on": date(2026, 9, 1),
        "kind": None, "uai": "0310001H", "number": 3,
    }  # fmt: skip
    assert criteria_codes(criteria) == (
        "states=requested name=* departement=31 late=oui on=2026-09-01 uai=0310001H number=3"
    )


def test_record__waits_in_memory_while_the_database_does_not_answer(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, actor = portal.app.export_journal, portal.actor(STAFF)

    def busy(_: Database) -> None:
        raise DatabaseBusy

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR, "oda"):
        patch.setattr(Database, "write", busy)
        journal.record(actor, Export(what=ExportedList.REQUESTS, format="csv", rows=4))
    assert caplog.messages == ["exports not recorded yet: 1 (DatabaseBusy)"]
    assert installation_events(portal.app, "exported") == []
    journal.record(actor, Export(what=ExportedList.MAILS, format="ods", rows=0))
    assert [data["list"] for _, data in installation_events(portal.app, "exported")] == ["requests", "mails"]
