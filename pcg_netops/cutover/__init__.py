"""The cutover as an object: rehearsed on a live network, and judged."""
