"""The paper's claims, a file for each of its sections; `pytest claims/` judges them."""
