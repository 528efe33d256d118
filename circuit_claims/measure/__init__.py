"""Numbers, and nothing else: no thresholds here."""
