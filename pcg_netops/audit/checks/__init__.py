"""`pcg check`: what is unwise in a plan that can be read."""
