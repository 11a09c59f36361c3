"""The figures of the académie, counted from the journal (R99)."""
