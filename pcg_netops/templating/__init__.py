"""Templates of a workspace, rendered by a process that can do nothing else."""
