"""What people see: one versioned JSON document, and everything that is rendered from it."""
