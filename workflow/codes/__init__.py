"""Codes in numbers: drawn in batches for the ODA server's console, or given by a file (R97, R98)."""
