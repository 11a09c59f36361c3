"""The measurements behind every figure that the README quotes; ratios within one run, never absolute times."""
