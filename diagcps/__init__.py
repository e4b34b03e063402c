"""DiagCPS: can this workstation use the health card, and if not, what to do next."""

__version__ = "0.1.0"
