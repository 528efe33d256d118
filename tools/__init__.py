"""What the project is made with, and no user runs."""
