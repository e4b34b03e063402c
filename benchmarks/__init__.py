"""What the tool costs, as ratios to the barest program that does the same. See README.md."""
