"""Tests against the real smart-card service, inside the namespaces that bench.sh makes."""
