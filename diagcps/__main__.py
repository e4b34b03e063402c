"""`python -m diagcps`, and the processes in which it loads a library of the card's."""

import sys

# Told apart first: such a process loads nothing of the command line, and starts twice as fast.
if sys.argv[1:] == ["_read-library"]:
    from diagcps.card._pkcs11_child import main as read_library

    sys.exit(read_library(sys.stdin.buffer, sys.stdout.buffer))

if sys.argv[1:] == ["_use-code"]:
    from diagcps.card._acting_child import main as use_code

    sys.exit(use_code(sys.stdin.buffer, sys.stdout.buffer))

if sys.argv[1:] == ["_acquire-provider"]:
    from diagcps.host._provider_child import main as acquire_provider

    sys.exit(acquire_provider(sys.stdin.buffer, sys.stdout.buffer))

from diagcps.cli import main

sys.exit(main())
