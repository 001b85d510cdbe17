"""Faults of a running lab, each with the act that heals it."""
