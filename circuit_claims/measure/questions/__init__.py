"""What a claim can ask of a circuit, a module for each subject; `circuit.py` puts them together."""
