"""Command line `oda`. Click translates its messages by gettext: here they are French, whatever the person's locale."""

import gettext
import os
from pathlib import Path

gettext.bindtextdomain("messages", Path(__file__).with_name("locale"))
os.environ["LANGUAGE"] = "fr"  # gettext reads it at each message; the system needs no French locale
