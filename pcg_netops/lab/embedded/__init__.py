"""The embedded lab: nodes are namespaces of this machine's own programs, without containers."""
