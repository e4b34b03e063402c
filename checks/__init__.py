"""The built-in checks: one flat module per area, their words in `content/`."""
