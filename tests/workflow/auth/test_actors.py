"""Who acts is told by the database that is there, whatever this process saw in another (R64)."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from states.commands import Declare
from states.vocabulary import Channel
from tests.kit.databases import fresh_url
from tests.kit.portal import open_portal
from workflow.database.journal_tables import ACTOR, EVENT

ANNE, BORIS = ("0310001H", "Anne Martin"), ("0120001X", "Boris Faure")


@pytest.mark.rule("R64")
def test_people__an_older_copy_of_the_database_gives_nobody_another_s_acts(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url, open_portal(tmp_path, url) as portal:
        app, path = portal.app, Path(make_url(url).database or "")
        app.database.dispose()
        copy = shutil.copyfile(path, tmp_path / "copy")
        anne = app.people.chef([ANNE[0]], Channel.WEB, name=ANNE[1])
        app.database.dispose()
        shutil.copyfile(copy, path)
        boris = app.people.chef([BORIS[0]], Channel.WEB, name=BORIS[1])
        assert boris.number == anne.number  # as the older database has it
        again = app.people.chef([ANNE[0]], Channel.WEB, name=ANNE[1])
        app.engine.execute([Declare(uai=ANNE[0], nom="Roux", prenom="Paul", mail="paul.roux@ac-toulouse.fr")], again)
        author = select(ACTOR.c.label).join(EVENT, EVENT.c.actor == ACTOR.c.number).where(EVENT.c.kind == "declare")
        with app.database.read() as connection:
            assert connection.execute(author).scalars().all() == [again.label]
        assert "Anne Martin" in again.label
