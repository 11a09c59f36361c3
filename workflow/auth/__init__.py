"""Sign-in links, sessions, tokens, rate limits, actors (was doors/)"""
