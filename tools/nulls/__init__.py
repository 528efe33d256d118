"""Models that were never trained, judged by the whole suite: what is said of them is said of nothing."""
