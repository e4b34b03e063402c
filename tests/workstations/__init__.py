"""Workstations described, recorded by the probes, and judged: one for each cause and system."""
