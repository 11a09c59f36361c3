"""The doors' closed lists."""

from states.vocabulary import Labelled


class Scope(Labelled):
    """What a program may do with its token."""

    READ = "read", "lire"
    ACT = "act", "lire et agir"
