"""The folder of a demonstration: made for the occasion and removed, or a new one that is kept."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

_END_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class FolderRefused(Exception):
    """The demonstration cannot have its folder: ``message`` and ``remedy`` are French."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class NoTemporaryFolder(FolderRefused):
    """Nothing can be written where temporary folders are made."""


@contextmanager
def workplace(keep: Path | None) -> Iterator[Path]:
    """Make ``keep``, else a temporary folder that leaves no trace, however the demonstration ends.

    Raises FolderRefused when ``keep`` is not empty, or when nothing can be written there.
    """
    if keep is not None:
        yield _new_folder(keep.expanduser().absolute())
        return
    with _signals_as_interrupt():
        try:
            folder = Path(tempfile.mkdtemp(prefix="oda-"))
        except OSError as error:
            remedy = "Que faire : désigner un dossier où écrire, par la variable TMPDIR ou par --keep DOSSIER."
            raise NoTemporaryFolder(f"Pas de dossier temporaire : {error.strerror}.", remedy) from None
        try:
            yield folder
        finally:
            on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
            shutil.rmtree(folder)
            signal.signal(signal.SIGINT, on_interrupt)


def _new_folder(folder: Path) -> Path:
    remedy = "Que faire : donner à --keep un dossier neuf, que la démonstration fera."
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FolderRefused(f"{folder} n'est pas vide : rien n'y a été touché.", remedy)
    except OSError as error:
        message = f"{folder} ne peut pas être écrit : {error.strerror or 'accès refusé'}."
        raise FolderRefused(message, remedy) from None
    return folder


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM and a closed terminal into KeyboardInterrupt, so that they clean up as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = [number for number in _END_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # not under nohup
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
