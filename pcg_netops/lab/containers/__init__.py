"""A lab that the real containerlab runs."""
