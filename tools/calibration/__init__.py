"""How often does each rule of the judge err? The simulation study behind docs/calibration.md.

    python -m tools.calibration [--runs 2000]       (`make calibration`)

Each situation draws data whose truth is known and hands them to `decide` as it ships, at several truths.
"""
