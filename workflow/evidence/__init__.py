"""The two lists with which requests are compared: imported, and read (R93 to R95)."""
