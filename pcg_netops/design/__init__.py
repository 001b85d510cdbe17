"""From intent to one `Device` per node. Every decision is made here; templates only spell it."""
