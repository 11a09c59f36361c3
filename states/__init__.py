"""Pure rules of a delegation: values in, a decision out; no database, no clock, no network."""
