"""Entry point of the `alerts` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 1 (wrong use: 2)."""
    from alerts.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
