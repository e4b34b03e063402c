"""`python -m diagcps`, and the process in which it reads a PKCS#11 library."""

import sys

if sys.argv[1:] == ["_read-library"]:
    # Told apart first: this process loads nothing of the command line, and starts twice as fast.
    from diagcps.card._pkcs11_child import main as read_library

    sys.exit(read_library(sys.stdin.buffer, sys.stdout.buffer))

from diagcps.cli import main

sys.exit(main())
