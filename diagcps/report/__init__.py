"""Reports: one local type, one shared type, and the only bridge between them."""
