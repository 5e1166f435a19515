"""Everything between the engine and a model: endpoints, admission, retries, the embedded and the scripted server."""
