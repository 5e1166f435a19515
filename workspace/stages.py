"""The stages of a run, in order."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal["draft", "rollout", "analyse", "propose", "merge", "settle", "validate"]
STAGES: tuple[Stage, ...] = get_args(Stage)
