"""Sign-in links, sessions, tokens, rate limits, actors."""
