"""The table of mails: stored, claimed, retried, paused"""
