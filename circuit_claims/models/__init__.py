"""What is under test: a model as a residual stream and its writes."""
