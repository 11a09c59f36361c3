"""One row of French wordings per trigger, and every part of the portal finds its own there."""

import subprocess
import sys

import pytest

from portal.cli.request import request
from portal.texts import TRIGGER_TEXTS
from portal.web.actions.base import Action
from portal.web.actions.chef import CHEF_ACTIONS
from portal.web.actions.operator import OPERATOR_ACTIONS
from portal.web.worklist.page import BULK
from states.vocabulary import Trigger

PAGES = (*CHEF_ACTIONS.values(), *OPERATOR_ACTIONS.values())


@pytest.mark.parametrize("trigger", Trigger)
def test_trigger_texts__has_a_row(trigger: Trigger) -> None:
    texts = TRIGGER_TEXTS[trigger]
    assert texts.done
    assert texts.event
    if trigger not in (Trigger.EXPIRE, Trigger.DRAW_CODE, Trigger.OPEN_CODE):  # the schedule's, batches', one page's
        assert texts.api.endswith(").")
        assert request.lazy[trigger.value.replace("_", "-")][1:] == (trigger.value, texts.command)


@pytest.mark.parametrize("action", PAGES, ids=lambda action: action.slug)
def test_trigger_texts__names_each_page(action: Action) -> None:
    assert action.title
    assert action.button


def test_trigger_texts__has_no_words_for_a_page_that_is_not() -> None:
    worded = {(trigger, slug) for trigger, texts in TRIGGER_TEXTS.items() for slug in texts.pages}
    of_its_own = {(Trigger.OPEN_CODE, "code")}  # portal/web/chef/requests.py: what it shows is gone afterwards (R112)
    assert worded == {(action.trigger, action.slug) for action in PAGES} | of_its_own


def test_trigger_texts__words_the_bulk_actions_and_no_other() -> None:
    worded = {trigger for trigger, texts in TRIGGER_TEXTS.items() if texts.bulk.choice}
    assert worded == {action.trigger for action in BULK.values()}
    for action in BULK.values():
        assert action.texts.button
        assert action.texts.done
        assert bool(action.texts.consequence) is action.danger


def test_texts__are_imported_without_the_engine() -> None:
    script = "import sys, portal.texts; print(*sorted(name for name in sys.modules if name.partition('.')[0] in"
    script += " ('states', 'notifications', 'workflow', 'sqlalchemy', 'pydantic', 'jinja2')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["states", "states.vocabulary"]
