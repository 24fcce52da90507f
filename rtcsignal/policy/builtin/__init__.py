"""The plugins that come with the server: one in each module, named like it with hyphens for underscores."""
