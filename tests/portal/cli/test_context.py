from collections.abc import Mapping
from pathlib import Path

import pytest

import workflow.settings
from portal.cli.context import ActorSpec, CliContext, parse_actor_spec
from portal.cli.errors import ExitCode
from states.vocabulary import Role
from tests.portal.cli.conftest import Run
from tests.portal.cli.sample import FAILURES


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("operator:a.b@ac-toulouse.fr", ActorSpec(Role.OPERATOR, ("a.b@ac-toulouse.fr",))),
        ("chef:0310001h, 0751234J,0310001H", ActorSpec(Role.CHEF, ("0310001H", "0751234J"))),
        ("adjoint:0310001H", ActorSpec(Role.DEPUTY, ("0310001H",))),
        ("Lecteur: d@region-academique-occitanie.fr", ActorSpec(Role.READER, ("d@region-academique-occitanie.fr",))),
        ("reader:d@ac-toulouse.fr", ActorSpec(Role.READER, ("d@ac-toulouse.fr",))),
    ],
)
@pytest.mark.rule("R2", "R3")
def test_who__is_read(text: str, who: ActorSpec) -> None:
    assert parse_actor_spec(text) == who


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ne dit pas qui agit"),
        ("operator", "ne dit pas qui agit"),
        ("chef:", "ne dit pas qui agit"),
        ("ministre:a@b.fr", "ne dit pas qui agit"),
        ("operator:dupont", "« dupont » n'a pas de « @ »"),
        ("chef:0310001H,", "« » n'est pas un UAI"),
        ("chef:31", "« 31 » n'est pas un UAI"),
    ],
)
def test_who__is_refused_with_the_forms(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"operator:ADRESSE, chef:UAI\[,UAI\], adjoint:UAI\[,UAI\]") as refused:
        parse_actor_spec(text)
    assert complaint in str(refused.value).replace("«  »", "« »")


def test_who__reaches_the_command(run: Run) -> None:
    result = run("--as", "chef:0310001H", "sample", "who")
    assert result.stdout.startswith("ActorSpec(role=<Role.CHEF")


def test_settings__are_read_once_and_late(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[Path] = []

    def load(path: Path, environ: Mapping[str, str] | None = None) -> str:
        calls.append(path)
        return "settings"

    monkeypatch.setattr("workflow.settings.loader.load_settings", load)
    app = CliContext(tmp_path / "config.yaml")
    assert calls == []
    assert str(app.settings()) == str(app.settings()) == "settings"
    assert calls == [tmp_path / "config.yaml"]


def test_settings__that_cannot_be_used_are_a_settings_error(run: Run, tmp_path: Path) -> None:
    with pytest.raises(workflow.settings.SettingsError) as unusable:
        CliContext(tmp_path / "absent.yaml").settings()
    FAILURES.append(unusable.value)
    result = run("sample", "fail")
    assert result.exit_code == ExitCode.SETTINGS
    assert "absent.yaml" in result.stderr
