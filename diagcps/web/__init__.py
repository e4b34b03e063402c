"""The agent's own page: the loopback server, its guards, its sessions and its stream."""
