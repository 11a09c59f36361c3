"""Signing in by a link sent by mail, saying who one is, signing out (R72, R73)."""

from portal.web.sign_in import account, asking, opening, presenting

ROUTERS = (account.router, asking.router, opening.router, presenting.router)
