"""Shells allow few open files; a run with many calls at once needs many."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from tests.shell import Shell, scripted

FEW = 96
CODE = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_run_has_more_calls_at_once_than_the_shell_allows_open_files(shell: Shell) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 10 * FEW, "this machine allows too few files for the test"
    with scripted("--latency", 1) as url:
        server = ["--base-url", url, "--model", "scripted", "--limit", 150]
        words = ["run", "--skill", shell.skill(), "--traces", shell.traces(240), *server, "--yes", "--json"]
        command = [sys.executable, "-c", CODE, "-P", "-m", "t2s_tui", *map(str, words)]
        done = subprocess.run(
            command, cwd=shell.cwd, env=shell.env, capture_output=True, text=True, timeout=150, check=False
        )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["state"] == "finished", summary
