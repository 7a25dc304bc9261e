"""Counting requests in the event loop while a scrape reads the counts in a thread."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from alerts.observability.request_counts import Requests


def test_a_scrape_reads_while_new_routes_are_counted() -> None:
    requests, usual = Requests(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as scraper:
            scrapes = [scraper.submit(requests.seen) for _ in range(50)]
            for number in range(5_000):
                requests.count("GET", f"/{number}", 200, 0.01)
            assert all(len(scrape.result()) <= 5_000 for scrape in scrapes)
    finally:
        sys.setswitchinterval(usual)
    assert len(requests.seen()) == 5_000
