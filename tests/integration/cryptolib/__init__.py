"""The official library of the CPS, driven on simulated cards."""
