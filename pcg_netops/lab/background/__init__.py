"""Labs that stay up when the command that started them has ended."""
