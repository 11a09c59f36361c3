"""The identities that others vouch for: what they claim, and what somebody may be here because of it (R101 to R103)."""
