"""The faces of trace2skill: the terminal application and the command line. Never imports the engine."""
