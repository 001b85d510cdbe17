"""Reading a workspace: files to typed models, with every error at its line."""
