"""How people and programs reach the process: today the command line ``oda``."""
