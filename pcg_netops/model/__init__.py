"""What the toolkit talks about: typed, frozen, free of behaviour and of other layers."""
