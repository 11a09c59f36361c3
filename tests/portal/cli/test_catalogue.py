"""Click's messages in French: the catalogue holds every one of the installed version, and is compiled."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import click

from tests.portal.cli.catalogue import SOURCE, compiled, entries

MESSAGES = entries(SOURCE.read_text("utf-8"))
UNWRITTEN = {"", "required"}
"""The catalogue's own header, and the one message that click translates by a variable."""


def messages_of_click() -> Iterator[str]:
    for source in Path(click.__file__).parent.glob("**/*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                if texts:
                    yield "\0".join(map(str, texts))


def test_catalogue__has_every_message_of_click_and_no_other() -> None:
    assert set(messages_of_click()) == set(MESSAGES) - UNWRITTEN


def test_catalogue__is_compiled() -> None:
    assert SOURCE.with_suffix(".mo").read_bytes() == compiled(MESSAGES)


def test_catalogue__says_nothing_that_click_does_not_give() -> None:
    for message, translation in MESSAGES.items():
        fields = {name for _, name, _, _ in Formatter().parse(message)}
        assert translation
        assert {name for _, name, _, _ in Formatter().parse(translation)} <= fields | {None}, message
        assert translation.count("\0") == message.count("\0"), message


def test_french__whatever_the_locale() -> None:
    for locale in ({}, {"LC_ALL": "C"}, {"LANG": "de_DE.UTF-8", "LANGUAGE": "de:en"}):
        script = "from portal.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", script, "--zut"], capture_output=True, env={"PATH": os.environ["PATH"], **locale}
        )
        assert (done.returncode, "L'option --zut n'existe pas." in done.stderr.decode()) == (2, True)
