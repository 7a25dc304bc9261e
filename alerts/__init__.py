"""Community Alerts: what happened goes into a log; whom it concerns is computed; each of them is told."""
