"""The directory of establishments: imported from the ministry's open file, read, and its mailboxes set (R11 to R15).

``Directory`` is the door; ``imported`` and ``listing`` say what it hands back.
"""

from workflow.directory.door import Directory
from workflow.directory.file import UnusableFile
from workflow.directory.imported import Change, Changed, Imported, Loss, Named, Remark, Stranded
from workflow.directory.listing import Criteria, Listed, OfRequest
from workflow.directory.mailbox import MailboxChange
from workflow.directory.refusals import DirectoryRefused

__all__ = [
    "Change",
    "Changed",
    "Criteria",
    "Directory",
    "DirectoryRefused",
    "Imported",
    "Listed",
    "Loss",
    "MailboxChange",
    "Named",
    "OfRequest",
    "Remark",
    "Stranded",
    "UnusableFile",
]
