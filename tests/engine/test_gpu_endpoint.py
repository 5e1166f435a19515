"""The GPU benchmark can be tried without one: it says what is missing, or measures a server that is named."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.shell import ROOT, scripted


def _bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/gpu_endpoint.py", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )


@pytest.mark.skipif(bool(shutil.which("nvidia-smi")), reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_and_ends_well() -> None:
    done = _bench()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("skipped: no NVIDIA GPU")


def test_a_server_elsewhere_is_measured() -> None:
    with scripted("--latency", "0.05", "--tokens-per-second", "100") as url:
        words = ("--agents", "12", "--limits", "2", "8", "--ramp", "1", "--seconds", "2")
        done = _bench("--base-url", url, "--model", "scripted", *words)
    assert done.returncode == 0, done.stderr
    rows = {
        line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines() if line[:6].strip() in ("2", "8")
    }
    assert 0 < rows["2"] < rows["8"]
    assert "adaptive ÷ best fixed" in done.stdout
