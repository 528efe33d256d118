"""One run, from its options to its exit status: what is under test, what was asked, and what is written."""
