"""The audit log: hash-chained events (R63)."""
