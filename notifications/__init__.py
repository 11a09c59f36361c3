"""Mails: who receives which, in what words, and their way to the relay; the codes that some of them carry, sealed."""
