"""The mails' wordings, compiled where it is imported: a process that is forked from there finds them ready."""

from notifications.rendering.environment import own_wordings

for name in own_wordings().names():
    if not name.endswith(".typ"):
        own_wordings().environment.get_template(name)
