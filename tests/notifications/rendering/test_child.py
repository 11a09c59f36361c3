"""The académie's templates in a child process: what hangs, takes all the memory or calls the Internet harms nobody."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from notifications.authoring.checks import try_templates
from notifications.authoring.examples import MAIL_CONTEXT
from notifications.rendering import child
from notifications.rendering.environment import OWN, TemplateLoader
from notifications.rendering.papers import Paper, PaperUnmakeable, compile_paper
from tests.kit.postfix import wait_until
from tests.notifications.papers import AT, paper, rewritten
from tests.notifications.templates import folder_of, mail

pytestmark = pytest.mark.rule("R68")

CHARTER = (OWN / "papers/charter.typ").read_text(encoding="utf-8")
SLIP = (OWN / "papers/handover_slip.typ").read_text(encoding="utf-8")
LINES = CHARTER.count("\n")
PACKAGE = '#eval("import \\"@pre" + "view/cetz:0.2.0\\": *", mode: "code")'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STEP_S", 0.3)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mails/declared.j2", mail("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
         "ligne 6 : trop long"),
        ("mails/declared.j2", mail('{{ "%0999999999d"|format(1) }}'), "ligne 6 : trop gros"),
        ("papers/charter.typ", f'{CHARTER}\n#("a" * 1000000000)', "charter.typ : trop gros"),
        ("papers/charter.typ", f"{CHARTER}\n{PACKAGE}", f"ligne {LINES + 2} : typst refuse ce modèle (failed to"),
    ],
    ids=["hangs", "takes the memory", "kills typst", "calls the Internet"],
)  # fmt: skip
def test_trial__says_where_and_lives(tmp_path: Path, name: str, text: str, words: str) -> None:
    (problem,) = try_templates(TemplateLoader(folder_of(tmp_path, {name: text})), MAIL_CONTEXT)
    assert str(tmp_path) in str(problem)
    assert words in str(problem)


def test_trial__tells_all_the_other_problems_too(tmp_path: Path) -> None:
    texts = {"mails/declared.j2": mail("{{ inconnu }}"), "mails/inconnu.j2": "x", "papers/charter.typ": CHARTER}
    problems = try_templates(TemplateLoader(folder_of(tmp_path, texts)), MAIL_CONTEXT)
    assert [problem.path.name for problem in problems] == ["declared.j2", "inconnu.j2"]


def slip(addition: str) -> Paper:
    """The slip of an académie that adds this to it."""
    return paper("code_issued", rewritten("papers/handover_slip.typ", SLIP + addition))


@pytest.mark.rule("R69")
def test_paper__of_the_academie_is_the_same_to_the_byte_from_a_child() -> None:
    assert compile_paper(slip("\n// de l'académie"), AT) == compile_paper(paper("code_issued"), AT)


@pytest.mark.parametrize(
    "text", ['#("a" * 1000000000)', "#for a in range(20000) { for b in range(20000) { let c = a * b } }"]
)
def test_paper__that_kills_or_hangs_stops_nothing_else(text: str) -> None:
    with pytest.raises(PaperUnmakeable, match="arrêté"):
        compile_paper(slip(f"\n{text}"), AT)


def test_network__is_not_reached_even_by_the_proxy_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        with pytest.raises(PaperUnmakeable, match="typst refuse ce modèle"):
            compile_paper(slip(f"\n{PACKAGE}"), AT)
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_environment__of_the_child_holds_no_secret_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODA_SEAL_KEY", "planted")
    assert child.run_in_child("os:getenv", "ODA_SEAL_KEY") is None


def test_child__outlives_the_signals_that_stop_the_service_and_ends_with_who_made_it() -> None:
    runner = child.Child("builtins:pow")
    assert runner.call(2, 5) == 32
    process = runner._process
    assert process
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        process.send_signal(number)
    assert runner.call(3, 2) == 9
    del runner
    assert process.returncode is not None


def test_child__ends_when_who_made_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal; from notifications.rendering.child import Child; kept = Child('os:getpid');"
        " print(kept.call(), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    place = Path("/proc", answer.stdout.strip())
    wait_until(lambda: not place.exists() or "Z (zombie)" in (place / "status").read_text())
    assert list(tmp_path.iterdir()) == []


def test_child__killed_between_two_calls_is_started_anew() -> None:
    runner = child.Child("os:getpid")
    process, first = runner._process, runner.call()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: runner._process is not None and runner._process.poll() is not None)
    assert runner.call() not in (first, process)


def test_child__what_was_interrupted_is_no_answer_to_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = child.Child("builtins:pow")
    assert runner.call(2, 2) == 4
    answer = child._answer
    monkeypatch.setattr(child, "_answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.call(2, 3)
    monkeypatch.setattr(child, "_answer", answer)
    assert runner.call(2, 4) == 16


def interrupted(process: "subprocess.Popen[bytes]", call: bytes) -> NoReturn:
    """Ask, and be interrupted before the answer."""
    child._write(process, call)
    raise KeyboardInterrupt
