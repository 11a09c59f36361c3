"""Every action on a request as a page: its fields, its words, the command that it becomes."""
