"""Why a backup, a restoration or a move is not done."""


class BackupRefused(Exception):
    """A French sentence for the person who asked, and what to do; nothing was changed. ``code`` is for programs."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message}. Que faire : {remedy}.")
        self.code, self.message, self.remedy = code, message, remedy
