"""Carrying rendered configuration to devices through Nornir and Netmiko, and proving it arrived."""
