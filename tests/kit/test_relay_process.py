"""The lean relay, as its users start it."""

import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MESSAGE = b"From: a@b.fr\r\nMessage-ID:\r\n <%d@test>\r\n\r\nBonjour\r\n..\r\nMessage-ID: <no>\r\n.\r\n"


@contextmanager
def running(*options: str) -> Iterator[int]:
    """A process, its port; ended by SIGTERM, which it obeys."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.relay_process", *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def test_process__keeps_the_name_of_each_mail_before_it_answers(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with running("--keep", str(folder)) as port, smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
        for number in range(3):
            smtp.sendmail("a@b.fr", ["c@d.fr"], MESSAGE.replace(b"%d", str(number).encode()))
            assert folder.read_text().splitlines()[-1] == f"<{number}@test>"
        assert smtp.noop()[0] == 250
        assert smtp.docmd("WHAT")[0] == 500


def test_process__pipelined_with_latency(tmp_path: Path) -> None:
    sent = b"EHLO x\r\nMAIL FROM:<a@b.fr>\r\nRCPT TO:<c@d.fr>\r\nDATA\r\n" + MESSAGE + b"RSET\r\nDATA\r\n.\r\nQUIT\r\n"
    with running("--latency", "0.005", "--keep", str(tmp_path / "kept")) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            for start in range(0, len(sent), 7):
                line.sendall(sent[start : start + 7])
            answers = b""
            while piece := line.recv(65536):
                answers += piece
        codes = [answer[:3] for answer in answers.decode().splitlines() if answer[3] == " "]
        assert codes == ["220", "250", "250", "250", "354", "250", "250", "354", "250", "221"]
        assert (tmp_path / "kept").read_text().splitlines() == ["<%d@test>", "-"]
