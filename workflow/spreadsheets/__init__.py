"""Files as people have them, CSV or workbook: read, their columns recognised, kept until they are confirmed (R91)."""
