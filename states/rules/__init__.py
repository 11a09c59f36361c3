"""Guards (``check_…``) and effects (``apply_…``) of each trigger, one module per step of the process."""
