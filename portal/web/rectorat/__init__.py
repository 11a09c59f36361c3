"""The rectorat's pages: what operators work with, and readers look at."""
