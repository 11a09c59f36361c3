"""The demonstration: the true portal on invented establishments. Nothing of a real installation imports this."""
