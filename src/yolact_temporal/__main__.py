"""`python -m yolact_temporal` is the same as the command `yolact-temporal`."""

import sys

from yolact_temporal.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
