"""What the rectorat transmits to the DRANE: the list, the files, what is said to be sent (R96)."""
