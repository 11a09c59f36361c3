"""An installation that was opened where this is imported: a process that is forked from there finds all of it ready.

The wordings of the mails are compiled, the settings' models are made, and what the product imports when it first needs
it is imported; without this each process to be killed does so anew, which is most of its life.
"""

import gc
from pathlib import Path
from tempfile import TemporaryDirectory

from notifications.rendering.environment import own_wordings
from tests.kit.installation import make_installation
from workflow.app import bootstrap
from workflow.settings.loader import load_settings

for name in own_wordings().names():
    if not name.endswith(".typ"):
        own_wordings().environment.get_template(name)

with TemporaryDirectory(prefix="oda-opened-") as folder:
    config = make_installation(Path(folder), f"sqlite:///{folder}/oda.sqlite")
    bootstrap(load_settings(config), {}).close()

gc.collect()
gc.freeze()  # a search for garbage would have each process copy all of it
