"""Plans, rehearses and carries out the cutover of network services between exchanges."""

__version__ = "0.1.0"
