"""What can be seen of a lab: packets, sessions, logs, a drawing."""
