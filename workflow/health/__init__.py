"""The service's own state, told to a probe, to a supervisor that waits for calls, in figures (R115)."""
