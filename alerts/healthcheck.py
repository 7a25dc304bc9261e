"""`python -m alerts.healthcheck [URL]`: exit code 0 if a process of the product answers, for containers and timers.

Imports nothing but the standard library, so that a check every few seconds costs little.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

URL = "http://127.0.0.1:8080/healthz"
TIMEOUT_S = 4.0


def check(url: str, timeout: float = TIMEOUT_S) -> str:
    """Reason why the process at `url` is not healthy, "" if it answers 200."""
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{url} answers {error.code}: {error.read(500).decode('utf-8', 'replace')}"
    except (OSError, ValueError) as error:
        return f"{url} does not answer: {error}"


if __name__ == "__main__":
    trouble = check(sys.argv[1] if len(sys.argv) > 1 else URL)
    sys.exit(trouble or 0)
