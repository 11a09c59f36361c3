"""Who acts: sign-in links, sessions, tokens, rate limits, actors."""
