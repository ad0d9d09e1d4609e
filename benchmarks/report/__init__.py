"""What was measured, for people and for programs: results, table, charts, the page of the documentation."""
