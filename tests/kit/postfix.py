"""A private Postfix for the tests: its own folders, one port of this machine, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.debian import PATH, Unable, find
from tests.kit.ports import free_port
from tests.kit.process_guard import PROC

HOST = "127.0.0.1"
STARTS_IN_S = 30
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
proxymap   unix  -  -  n  -     -  proxymap
smtp       unix  -  -  n  -     -  smtp
relay      unix  -  -  n  -     -  smtp
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
anvil      unix  -  -  n  -     1  anvil
postlog    unix-dgram n - n -   1  postlogd
"""


def program() -> str | None:
    """Postfix on this machine; None when it has none."""
    return find("postfix")


def obstacle() -> str | None:
    """Why Postfix cannot be started here; None when it can."""
    if os.geteuid() != 0:
        return "il faut être root pour lancer Postfix"
    if program() is None:
        return "Postfix n'est pas installé (sur Debian ou Ubuntu, en root : python -m tests.kit.debian)"
    return None


class Postfix:
    """One instance, as a context manager: takes mail on ``port`` and passes everything on to another SMTP server.

    Its folder lies outside pytest's, which the user ``postfix`` may not enter.
    """

    host = HOST

    def __init__(self, *, passes_on_to: int) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="oda-postfix-"))
        self._master: subprocess.Popen[bytes] | None = None
        self._passes_on_to = passes_on_to
        self._changes: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self, **changes: str) -> None:
        """Run under these settings of main.cf in addition to the usual ones, and no others; as it is if it does."""
        running = self._master is not None
        if running and changes == self._changes:
            return
        # Not a reload: the old settings would still answer for a while.
        self.stop()
        self._changes = changes
        self._write()
        if running:
            self.start()

    def table(self, name: str, lines: Mapping[str, str]) -> str:
        """Write a lookup table; returns how main.cf names it. Give it before the settings that use it."""
        path = self.folder / name
        _written(path, "".join(f"{key} {value}\n" for key, value in lines.items()))
        return f"texthash:{path}"

    def start(self) -> None:
        """Start, and wait until it listens."""
        # In a session of its own: at its end, Postfix's master signals its whole group.
        self._master = subprocess.Popen([self._program, "-c", str(self._config), "-d"], start_new_session=True)
        self._listening()

    def stop(self) -> None:
        """Stop, and wait until none of its processes is left; what is queued stays queued.

        One that its master was just making holds the master's lock for a moment, and the next master would not start.
        """
        master, self._master = self._master, None
        if master is None:
            return
        master.terminate()
        master.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(master.pid, signal.SIGKILL)
        wait_until(lambda: not _is_at_work(master.pid))

    def log(self) -> str:
        """What it has written so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def _config(self) -> Path:
        return self.folder / "conf"

    def _prepare(self) -> None:
        self.folder.chmod(0o755)
        for name in ("conf", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self._config / "master.cf").write_text(_MASTER.format(port=self.port))
        self._write()
        self._output_of("postfix", "-c", str(self._config), "check")
        self._program = self._output_of("postconf", "-h", "daemon_directory") + "/master"

    def _write(self) -> None:
        usual = {
            "compatibility_level": "3.6",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.folder / "log"),
            "maillog_file_prefixes": str(self.folder),
            "myhostname": "relais.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": HOST,
            "inet_protocols": "ipv4",
            "relayhost": f"[{HOST}]:{self._passes_on_to}",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtp_tls_security_level": "none",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "smtputf8_enable": "no",
        }
        lines = (f"{name} = {value}\n" for name, value in {**usual, **self._changes}.items())
        _written(self._config / "main.cf", "".join(lines))

    def _output_of(self, *words: str) -> str:
        environment = {**os.environ, "PATH": PATH}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode:
            raise Unable(f"{words[0]} a échoué ({done.returncode}) : {(done.stderr + self.log()).strip()[-800:]}")
        return done.stdout.strip()

    def _listening(self) -> None:
        """Wait until the banner comes; raises Unable with its log when it does not."""
        end = time.monotonic() + STARTS_IN_S
        while time.monotonic() < end and self._master and self._master.poll() is None:
            try:
                with socket.create_connection((HOST, self.port), timeout=5) as line:
                    if line.recv(4) == b"220 ":
                        line.sendall(b"QUIT\r\n")
                        return
            except OSError:
                pass
            time.sleep(0.05)
        ended = self._master.poll() if self._master else None
        state = "ne répond pas" if ended is None else f"a pris fin ({ended})"
        raise Unable(f"Postfix {state}, port {self.port} : {self.log()[-800:] or 'rien dans son journal'}")


def _is_at_work(leader: int) -> bool:
    """Return True while a process of this group runs; one that has ended and that nobody has heard of holds nothing."""
    for entry in PROC.iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                state, _parent, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(group) == leader and state not in "ZX":
                    return True
    return False


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what another process does; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def _written(path: Path, text: str) -> None:
    """Write a file as of a minute ago: Postfix waits two seconds before it believes a fresh one."""
    path.write_text(text)
    past = time.time() - 60
    os.utime(path, (past, past))
