"""The engine: drives models and subprocesses. Read `evolve.py` first; it shows the stages in order."""
