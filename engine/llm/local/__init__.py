"""The embedded model: a real one, on the CPU, with no key and no account.

`install` fetches and checks the file, `LocalServer` runs llama.cpp's own OpenAI-compatible server as a child process.
"""

from engine.llm.local.install import install
from engine.llm.local.model import QWEN, ModelSpec, Progress, Slices, Status, cache_folder, status
from engine.llm.local.server import LocalServer

__all__ = ["QWEN", "LocalServer", "ModelSpec", "Progress", "Slices", "Status", "cache_folder", "install", "status"]
