"""Who comes in by the web: sign-in links, sessions, access tokens, and how often one may try."""
