"""The operator's worklist: what first, which requests, one action on many of them."""
