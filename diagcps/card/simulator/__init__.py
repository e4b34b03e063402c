"""Simulated cards: state machines that other software takes for real ones."""
