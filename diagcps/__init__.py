"""DiagCPS: can this workstation use the health card, and if not, what to do next."""

__version__ = "0.1.0"
RELEASED = "2026-11-23"
"""The day of this version, in UTC: no right clock says an earlier one."""
