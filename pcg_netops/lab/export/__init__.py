"""A lab for other tools: folders for containerlab, manifests for Clabernetes, inventories."""
