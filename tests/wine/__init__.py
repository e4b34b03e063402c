"""Tests of the agent on a Windows Python, which runs under Wine."""
