"""Removals confirmed from a file that somebody filled in: read line by line, judged, then confirmed (R49, R83)."""
