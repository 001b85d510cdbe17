"""Change sets for Junos: statements for the candidate configuration, in force all at once."""
