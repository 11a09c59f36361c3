"""The files of ``deploy``: each runs commands that exist, bounds the service, and keeps secrets out of every log."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifications.vocabulary import LINK_PATH
from portal.cli.errors import ExitCode
from portal.cli.main import TREE
from portal.middleware import LARGEST_FILE, PROBES
from portal.server import MOST, OTHER_DESCRIPTORS
from workflow.identity.provider_sign_in import RETURN_PATH
from workflow.settings.loader import load_settings
from workflow.settings.secrets import DATABASE_PASSWORD, environment_name
from workflow.worker import LONGEST_TURN_S

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
UNITS = ("oda.service", "oda-worker.service")


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def parsed(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text_of(name))
    return parser


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest) -> configparser.ConfigParser:
    return parsed(request.param)


def test_unit__runs_the_service_under_an_account_of_its_own(unit: configparser.ConfigParser) -> None:
    program, command = unit["Service"]["ExecStart"].split()
    assert program == "/opt/oda/bin/oda"
    assert command in TREE
    assert unit["Service"]["User"] == "oda"


def test_unit__starts_again_unless_the_settings_are_wrong(unit: configparser.ConfigParser) -> None:
    """A SIGHUP ends it well: what reads its settings again is to start again."""
    service = unit["Service"]
    assert service["Restart"] == "always"
    assert int(service["RestartPreventExitStatus"]) == ExitCode.SETTINGS
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > max(int(service["TimeoutStopSec"]), LONGEST_TURN_S)


def test_unit__is_what_the_guide_installs() -> None:
    for text in (*UNITS, "/etc/systemd/system/oda.service", "/opt/oda", "/srv/oda"):
        assert text in GUIDE


def test_guide__names_every_file_of_deploy() -> None:
    for path in DEPLOY.iterdir():
        assert path.name in GUIDE, path.name


def test_unit__bounds_what_the_service_may_take(unit: configparser.ConfigParser) -> None:
    portal_needs = MOST + OTHER_DESCRIPTORS
    command = unit["Service"]["ExecStart"].split()[1]
    assert int(unit["Service"]["LimitNOFILE"]) > (portal_needs if command == "serve" else 1024)
    assert unit["Service"]["LimitCORE"] == "0"
    assert unit["Service"]["MemoryMax"]


@pytest.mark.rule("R116")
def test_backup_timer__runs_each_night_a_unit_as_closed_as_the_service(unit: configparser.ConfigParser) -> None:
    backup, timer = parsed("oda-backup.service"), parsed("oda-backup.timer")
    program, command, place, option, count = backup["Service"]["ExecStart"].split()
    assert (program, option) == ("/opt/oda/bin/oda", "--keep")
    assert command in TREE
    assert int(count) > 7
    assert place in backup["Service"]["ReadWritePaths"].split()
    assert " 02:" not in timer["Timer"]["OnCalendar"]
    assert timer["Timer"].getboolean("Persistent")
    prefixes = ("Protect", "Private", "Restrict", "SystemCall", "NoNew", "Capability", "Ambient", "Lock")
    closed = {key: value for key, value in unit["Service"].items() if key.startswith(prefixes)}
    assert {key: backup["Service"].get(key) for key in closed} == closed
    assert place in GUIDE


def test_proxies__bound_a_request_in_size_and_in_time() -> None:
    nginx, apache = text_of("nginx.conf"), text_of("apache.conf")
    for line in ("client_header_timeout", "client_body_timeout"):
        assert line in nginx
    assert int(re.findall(r"client_max_body_size (\d+)m;", nginx)[0]) * 2**20 >= LARGEST_FILE
    assert int(re.findall(r"LimitRequestBody (\d+)", apache)[0]) >= LARGEST_FILE
    assert "RequestReadTimeout header=" in apache
    assert re.search(r"^# a2enmod .*\breqtimeout\b", apache, re.MULTILINE)


@pytest.mark.rule("R72")
def test_guide__a_link_s_address_stays_out_of_the_proxys_logs() -> None:
    nginx, apache = text_of("nginx.conf"), text_of("apache.conf")
    secret = nginx.partition(f"location {LINK_PATH} {{")[2].partition("}")[0]
    assert "access_log off;" in secret
    assert "error_log /dev/null crit;" in secret
    assert "proxy_set_header" not in nginx.partition("location")[2]  # one there would drop all those of the server
    pattern = re.findall(r'SetEnvIf Request_URI "(.+)" oda-secret', apache)[0]
    assert re.match(pattern, f"{LINK_PATH}abc")
    assert not re.match(pattern, "/connexion/envoye")
    assert "combined env=!oda-secret" in apache
    assert f'<Location "{LINK_PATH}">' in apache


@pytest.mark.rule("R101")
def test_guide__a_provider_s_return_stays_out_of_the_proxys_logs() -> None:
    nginx, apache = text_of("nginx.conf"), text_of("apache.conf")
    assert "access_log off;" in nginx.partition(f"location = {RETURN_PATH} {{")[2].partition("}")[0]
    pattern = re.findall(r'SetEnvIf Request_URI "(.+)" oda-secret', apache)[0]
    assert re.match(pattern, RETURN_PATH)
    assert f'<Location "{RETURN_PATH}">' in apache


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd n'est pas sur cette machine")
@pytest.mark.parametrize("name", [*UNITS, "oda-backup.service"])
def test_unit__is_understood_and_hardened(tmp_path: Path, name: str) -> None:
    copy = tmp_path / name
    copy.write_text(text_of(name).replace("/opt/oda/bin/oda", sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert str(copy) not in done.stderr, done.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", copy], capture_output=True, text=True, env={"PAGER": "cat"}
    )
    if exposure := re.search(rf"exposure level for {name}: ([\d.]+)", judged.stdout):  # older ones judge no file
        assert float(exposure[1]) <= 2.0, judged.stdout


def steps(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions, in their order: name and rest."""
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_image__has_no_rights_no_shell_and_an_account_of_its_own() -> None:
    all_steps = steps(text_of("Dockerfile"))
    last = all_steps[[name for name, _ in all_steps].index("FROM", 1) :]
    assert dict(last)["USER"] == "10001:10001"
    assert dict(last)["ENTRYPOINT"] == '["oda"]'
    assert dict(last)["CMD"] == '["serve"]'
    assert all(rest.startswith("[") for name, rest in all_steps if name in ("RUN", "CMD", "ENTRYPOINT"))
    assert '"--frozen", "--no-dev"' in text_of("Dockerfile")


def test_image__is_well_while_it_answers_even_when_somebody_is_called() -> None:
    """``/sante`` is 503 when a mail waits: a platform would kill a service that works."""
    assert f"c.request('GET', '{PROBES[0]}')" in text_of("Dockerfile")
    assert PROBES[0] == "/vivant"


def test_image__is_built_from_what_the_wheel_needs_and_no_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    admitted = {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in admitted)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = re.findall(r"^packages = \[(.+)\]$", project, re.MULTILINE)[0]
    included = project.partition("force-include]")[2].partition("[")[0]
    needed = {*re.findall(r'"(\w+)"', packages), *re.findall(r'^"([\w.]+)" =', included, re.MULTILINE)}
    assert needed | {"pyproject.toml", "uv.lock", "README.md", "LICENSE"} == admitted


@pytest.fixture
def services() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load(text_of("compose.yaml"))["services"]
    return compose


def test_compose__gives_the_service_nothing_but_its_folder(services: dict[str, Any]) -> None:
    oda = services["oda"]
    assert oda["read_only"] is True
    assert oda["cap_drop"] == ["ALL"]
    assert oda["security_opt"] == ["no-new-privileges:true"]
    assert oda["ulimits"]["core"] == 0
    assert oda["ulimits"]["nofile"] > MOST + OTHER_DESCRIPTORS
    assert oda["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in services["base"]


def test_compose__gives_secrets_as_files(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["secrets"] == ["database-password"]
        for name, value in service["environment"].items():
            assert "PASSWORD" not in name or (name.endswith("_FILE") and value == "/run/secrets/database-password")
    assert f"{environment_name(DATABASE_PASSWORD)}_FILE" in services["oda"]["environment"]


def test_compose__its_settings_are_settings(services: dict[str, Any]) -> None:
    environ = {name: str(value) for name, value in services["oda"]["environment"].items()}
    environ["ODA__PORTAL__ADDRESS"] = "https://oda.ac-toulouse.fr"
    settings = load_settings(ROOT / "config.yaml", environ)
    assert len(settings.overrides) == sum(name.startswith("ODA__") for name in environ)
    assert settings.portal.proxies == ("172.30.0.1",)
    assert settings.database.url.startswith("postgresql://oda@base/")
