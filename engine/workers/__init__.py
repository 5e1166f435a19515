"""Where the heavy hands work: commands of agents and scorers, on this machine or on the nodes of a Ray cluster.

The engine's agents wait for tokens in one process; only what eats cores goes out. `base.py` is the protocol, `local.py`
this machine, `remote.py` the engine's end of a cluster. What runs on a node is `hands.py`, which knows nothing of Ray;
`ray/` is the one package that imports it, in a process of its own between the two.

    engine: remote.py ── socket ── ray/broker.py ── Ray ── hands.py on each node

The work folder on the engine's disk is always up to date when a command has ended (`delta.py` carries what changed,
both ways). So a node that dies takes only the commands with it that were running there: they run again elsewhere.
"""
