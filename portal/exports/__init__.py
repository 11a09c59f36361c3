"""Lists as files that a spreadsheet opens: CSV, XLSX and ODS, with typed cells and no formula (R92)."""
