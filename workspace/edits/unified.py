"""Two skills as a patch: what `patch -p1` and `git apply` need to make the second of the first."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from workspace.skills.skill import Skill

NOWHERE = "/dev/null"
NO_END = "\\ No newline at end of file\n"


def changed_files(before: Skill, after: Skill) -> list[dict[str, str]]:
    """Each file that differs: its path, `added` | `removed` | `changed`, and its part of the patch.

    A part is empty of hunks where a file is not text; then it says so.
    """
    paths = sorted({*before.files, *after.files})
    return [
        {"file": path, "state": _state(path, before, after), "diff": _part(path, before, after)}
        for path in paths
        if before.files.get(path) != after.files.get(path)
    ]


def _state(path: str, before: Skill, after: Skill) -> str:
    if path not in before.files:
        return "added"
    return "changed" if path in after.files else "removed"


def _part(path: str, before: Skill, after: Skill) -> str:
    old, new = before.files.get(path, ""), after.files.get(path, "")
    if not isinstance(old, str) or not isinstance(new, str):
        return f"Binary files a/{path} and b/{path} differ\n"
    return "".join([*_head(path, before, after), *_hunks(path, before, after, old, new)])


def _head(path: str, before: Skill, after: Skill) -> Iterator[str]:
    """Git's own lines: only they tell of a new or deleted file that is empty."""
    yield f"diff --git a/{path} b/{path}\n"
    if path not in before.files:
        yield f"new file mode {'100755' if path in after.executable else '100644'}\n"
    elif path not in after.files:
        yield f"deleted file mode {'100755' if path in before.executable else '100644'}\n"


def _hunks(path: str, before: Skill, after: Skill, old: str, new: str) -> Iterator[str]:
    tab = "\t" if " " in path else ""  # ends a name with spaces, as git and diff write it
    old_name = f"a/{path}{tab}" if path in before.files else NOWHERE
    new_name = f"b/{path}{tab}" if path in after.files else NOWHERE
    for line in difflib.unified_diff(_lines(old), _lines(new), old_name, new_name):
        yield line if line.endswith("\n") else f"{line}\n{NO_END}"


def _lines(text: str) -> list[str]:
    """Lines as `patch` counts them: they end with a line feed and nothing else does."""
    *whole, rest = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([rest] if rest else [])]
