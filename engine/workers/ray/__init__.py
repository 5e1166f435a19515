"""Ray, and nothing else of the engine, lives here: `python -P -m engine.workers.ray FD` is the process beside the
engine that talks with the cluster. A process of its own, since Ray ends the one it lives in when its cluster is gone.
"""
