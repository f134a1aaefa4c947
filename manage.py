#!/usr/bin/env python3
"""Every command of Orderly: `up`, `down`, `status`, `test`, and all of Django's.

Needs nothing but Python 3.11: the first command makes `.venv` with the locked dependencies and goes on in there.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python reads this file too, and must be told
    sys.exit("Orderly needs Python 3.11 or newer; this is Python " + sys.version.split()[0])

if __name__ == "__main__":
    from config.system.boot.entry import main

    sys.exit(main(sys.argv[1:]))
