"""What the service tells of its own state: to a probe, to a supervisor that waits for calls, in figures (R115)."""
