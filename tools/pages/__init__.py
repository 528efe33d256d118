"""Pages of the docs that are written from reports: the truth table and the audit."""
