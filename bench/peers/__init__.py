"""The same rows revoked by others: a task queue and a durable-workflow engine, in an environment of their own."""
