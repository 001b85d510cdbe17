"""Containerlab's format: what a topology file may say, and what of it can run here."""
