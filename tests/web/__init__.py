"""Tests of the agent's front door: each line of the security checklist that the page is under."""
