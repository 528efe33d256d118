"""Decisions, and nothing else: from measured numbers by pair to verdicts. No torch here."""
