"""What the software writes of its own accord, once a day: notices, reminders, invitations, the digest (R78 to R81)."""

from workflow.duties.door import Duties, DutiesDone

__all__ = ["Duties", "DutiesDone"]
