"""The page in a real Chromium, served by the real agent, inside the bench of tests/integration."""
