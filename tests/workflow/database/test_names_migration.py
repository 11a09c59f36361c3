"""Version 0008 over names and mailboxes that an older version took (R13, R17, R37)."""

from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import select, text, update

from states.rules.verification import current_checks
from states.vocabulary import CheckOutcome, Trigger
from tests.kit.factories import command
from tests.workflow.directory.conftest import Bench
from tests.workflow.directory.files import row, uai_of
from workflow.database.connection import Database
from workflow.database.mapping import REQUEST_COLUMNS, request_from
from workflow.database.tables import ESTABLISHMENT, REQUEST
from workflow.migrations import frozen

version = import_module("workflow.migrations.versions.0008_names_and_addresses")


def stored(database: Database) -> Any:
    with database.read() as connection:
        return connection.execute(select(*REQUEST_COLUMNS, REQUEST.c.person, REQUEST.c.sorted_name)).one()


@pytest.mark.rule("R17", "R37")
def test_upgrade__names_are_folded_anew_and_a_check_that_saw_the_chef_counts(database: Database) -> None:
    bench = Bench(database)
    bench.bring(row())
    declare = replace(command(Trigger.DECLARE), uai="0310001H", nom="Yıldız-Ðorđe", prenom="Þór")
    reference = bench._done(declare)
    bench._done(replace(command(Trigger.DELEGATE), reference=reference))
    with database.write() as connection:  # as an older version wrote it
        old = request_from(connection.execute(select(*REQUEST_COLUMNS)).one()).with_(chef_name="Yıldız Ayşe")
        digest = version._digest(vars(old), frozen.person_key(old.chef_name, ""))
        connection.execute(
            update(REQUEST).values(
                person=frozen.person_key(old.nom, old.prenom), sorted_name="yıldız ðorde þor", chef_name=old.chef_name,
                delegation_outcome=CheckOutcome.POSITIVE.value, delegation_seen=digest,
                delegation_checked_on=old.delegated_on,
            )
        )  # fmt: skip
        version._fold_anew(connection)
    request = request_from(stored(database))
    assert stored(database).person == request.person == "dorde thor yildiz"
    assert stored(database).sorted_name == "yildiz dorde thor"
    assert request.delegation is not None
    assert request.delegation in current_checks(request)


@pytest.mark.rule("R13", "R15")
def test_upgrade__an_address_that_no_relay_takes_leaves_no_mailbox(database: Database) -> None:
    bench = Bench(database)
    bench.bring(row(), row(uai_of(2)), row(uai_of(3)))
    with database.write() as connection:
        spoil = text("UPDATE establishment SET mailbox = :mailbox, set_mailbox = :set_mailbox WHERE uai = :uai")
        for uai, mailbox, set_mailbox in (
            (uai_of(1), "ce@académie-toulouse.fr", None),
            (uai_of(2), "ce@ac-toulouse.fr", "ce@ac－toulouse.fr"),
            (uai_of(3), "ce@académie-toulouse.fr", "ce3@ac-toulouse.fr"),
        ):
            connection.execute(spoil, {"uai": uai, "mailbox": mailbox, "set_mailbox": set_mailbox})
        version._empty_unusable_mailboxes(connection)
        rows = connection.execute(select(ESTABLISHMENT).order_by(ESTABLISHMENT.c.uai)).all()
    assert [(row.mailbox, row.set_mailbox) for row in rows] == [
        (None, None), (None, None), (None, "ce3@ac-toulouse.fr")
    ]  # fmt: skip
