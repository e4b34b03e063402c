"""`python -m diagcps`."""

import sys

from diagcps.cli import main

sys.exit(main())
