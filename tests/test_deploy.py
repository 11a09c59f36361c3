"""The systemd unit: it runs a command that exists, and systemd understands every line of it."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notifications.vocabulary import LINK_PATH
from portal.bodies import LARGEST
from portal.cli.errors import ExitCode
from portal.cli.main import TREE
from portal.connections import MOST, OTHER_DESCRIPTORS
from workflow.identity.provider_sign_in import RETURN_PATH

UNIT = Path(__file__).parents[1] / "deploy" / "oda.service"


def parsed(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture
def unit() -> configparser.ConfigParser:
    return parsed(UNIT)


def test_unit__runs_the_service_under_an_account_of_its_own(unit: configparser.ConfigParser) -> None:
    program, command = unit["Service"]["ExecStart"].split()
    assert program == "/opt/oda/bin/oda"
    assert command in TREE
    assert unit["Service"]["User"] == "oda"
    assert int(unit["Service"]["RestartPreventExitStatus"]) == ExitCode.SETTINGS


def test_unit__is_what_the_guide_installs() -> None:
    guide = (UNIT.parents[1] / "docs" / "installation.md").read_text(encoding="utf-8")
    for said in ("deploy/oda.service /etc/systemd/system/oda.service", "/opt/oda", "/srv/oda"):
        assert said in guide


def test_unit__bounds_what_the_service_may_take(unit: configparser.ConfigParser) -> None:
    assert int(unit["Service"]["LimitNOFILE"]) > MOST + OTHER_DESCRIPTORS
    assert unit["Service"]["LimitCORE"] == "0"
    assert unit["Service"]["MemoryMax"]


@pytest.mark.rule("R116")
def test_backup_timer__runs_each_night_a_unit_as_closed_as_the_service(unit: configparser.ConfigParser) -> None:
    backup, timer = (parsed(UNIT.with_name(f"oda-backup.{kind}")) for kind in ("service", "timer"))
    program, command, place, option, kept = backup["Service"]["ExecStart"].split()
    assert (program, option) == ("/opt/oda/bin/oda", "--keep")
    assert command in TREE
    assert int(kept) > 7
    assert place in backup["Service"]["ReadWritePaths"].split()
    assert " 02:" not in timer["Timer"]["OnCalendar"]
    assert timer["Timer"].getboolean("Persistent")
    own = {"ReadWritePaths", "LimitNOFILE"}
    closed = {key: value for key, value in unit["Service"].items() if key.startswith(("Protect", "Private", "Restrict",
              "SystemCall", "NoNew", "Capability", "Ambient", "Lock"))}  # fmt: skip
    closed = {key: value for key, value in closed.items() if key not in own | {"RestartPreventExitStatus"}}
    assert {key: backup["Service"].get(key) for key in closed} == closed
    guide = (UNIT.parents[1] / "docs" / "installation.md").read_text(encoding="utf-8")
    assert "oda-backup.timer" in guide
    assert place in guide


def the_proxy(guide: str, name: str) -> str:
    """The whole configuration of this proxy: what the guide writes of its log is in no other part."""
    blocks: list[str] = re.findall(rf"```{name}\n(.*?)```", guide, re.DOTALL)
    return next(block for block in blocks if "oda.log" in block)


def test_guide__the_proxies_bound_a_request_in_size_and_in_time() -> None:
    guide = (UNIT.parents[1] / "docs" / "installation.md").read_text(encoding="utf-8")
    nginx, apache = (the_proxy(guide, name) for name in ("nginx", "apache"))
    for line in ("client_max_body_size", "client_header_timeout", "client_body_timeout"):
        assert line in nginx
    assert int(re.findall(r"LimitRequestBody (\d+)", apache)[0]) >= LARGEST
    assert "RequestReadTimeout header=" in apache
    assert "`reqtimeout`" in guide


@pytest.mark.rule("R72")
def test_guide__a_link_s_address_stays_out_of_the_proxys_logs() -> None:
    guide = (UNIT.parents[1] / "docs" / "installation.md").read_text(encoding="utf-8")
    nginx, apache = (the_proxy(guide, name) for name in ("nginx", "apache"))
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
    guide = (UNIT.parents[1] / "docs" / "installation.md").read_text(encoding="utf-8")
    nginx, apache = (the_proxy(guide, name) for name in ("nginx", "apache"))
    assert "access_log off;" in nginx.partition(f"location = {RETURN_PATH} {{")[2].partition("}")[0]
    pattern = re.findall(r'SetEnvIf Request_URI "(.+)" oda-secret', apache)[0]
    assert re.match(pattern, RETURN_PATH)
    assert f'<Location "{RETURN_PATH}">' in apache


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd n'est pas sur cette machine")
def test_unit__is_understood_and_hardened(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/oda/bin/oda", sys.executable)
    copy = tmp_path / "oda.service"
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert str(copy) not in done.stderr, done.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", copy], capture_output=True, text=True, env={"PAGER": "cat"}
    )
    if found := re.search(r"exposure level for oda\.service: ([\d.]+)", judged.stdout):  # older ones judge no file
        assert float(found[1]) <= 2.0, judged.stdout
