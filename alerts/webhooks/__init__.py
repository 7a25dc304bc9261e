"""Events posted to other programs: who wants which, how far each has come, and the sender that follows the log."""
