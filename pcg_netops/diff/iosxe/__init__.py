"""Change sets for Cisco IOS-XE: commands in a safe order, and the proof of it."""
