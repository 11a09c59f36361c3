"""The connector: asks the ODA server itself for what is to be removed, and takes its answer (R84, docs/adr/0021)."""
