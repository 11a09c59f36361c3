"""Reading a secret: from a pipe or a hidden prompt, never from an argument that `ps` and the shell's history show."""

import sys
import warnings

from portal.cli.exits import CliFailure, ExitCode


def _piped() -> str:
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        # Its text would show bytes of the secret.
        raise CliFailure(
            "L'entrée standard n'est pas du texte en UTF-8.",
            ExitCode.BAD_INPUT,
            ["Que faire : enregistrer le fichier en UTF-8, ou saisir au clavier."],
        ) from None


def _typed(prompt: str) -> str:
    import getpass

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            first = getpass.getpass(f"{prompt} : ", stream=sys.stderr)
            second = getpass.getpass(f"{prompt}, une seconde fois : ", stream=sys.stderr)
        except getpass.GetPassWarning:
            raise CliFailure("Ce terminal ne sait pas masquer la saisie.", ExitCode.USAGE) from None
    if first != second:
        raise CliFailure("Les deux saisies diffèrent : recommencer.", ExitCode.USAGE)
    return first


def read_secret(prompt: str) -> str:
    """The secret typed twice, unseen, or the first line of the standard input when that is no terminal.

    Raises CliFailure, in French, when it is empty, when the two differ, or when it cannot be hidden.
    """
    secret = _typed(prompt) if sys.stdin.isatty() else _piped()
    if not secret:
        raise CliFailure(f"{prompt} : rien n'a été donné.", ExitCode.USAGE)
    return secret
