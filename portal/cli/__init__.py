"""The command line ``oda``: ``main`` holds the tree, each command lives in a module loaded when it is called."""
