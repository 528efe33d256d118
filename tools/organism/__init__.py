"""How the embedded models were made: the renderer of their clips, their training, and its evaluation."""
