"""A model server that ships: real HTTP on loopback, deterministic answers, and latency and faults on request.

`python -m engine.llm.scripted --port 0` prints its address. Answers follow from the request alone; tests, screenshots
and benchmarks use it in place of a model.
"""
