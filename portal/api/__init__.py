"""The JSON interface for programs: the same commands, the same refusals, no page and no cookie."""
