"""The one write path: load, decide, write, notify, in one transaction."""
