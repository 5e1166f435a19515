"""From what a config says to a domain: a built-in one, a folder of tasks, or somebody's plugin.

Each is imported only when it is opened.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from engine.domains.base import Domain, Split
from engine.domains.house import FAMILIES, House
from engine.domains.plugins import installed, is_dotted, load_dotted, load_point, opened
from engine.domains.said import short
from engine.sandbox.base import Sandbox
from workspace.errors import ConfigError, DomainError
from workspace.settings.settings import DomainSettings

SPREADSHEET_LIST = "dataset.json"


class _Wish(NamedTuple):
    """What is asked of a built-in domain; `within` stands behind the / of its name, or is the family."""

    within: str
    data: Path | None
    settings: DomainSettings
    sandbox: Sandbox | None


def open_domain(settings: DomainSettings, sandbox: Sandbox | None, base: Path) -> Domain:
    """The domain that `settings` name; paths in them are relative to `base`.

    `name` is a built-in domain (`house/date`, `spreadsheet`), a folder of tasks (`./tasks`, or any folder there is),
    an entry point of the group `t2s.domains`, or `package.module:Name`. `sandbox` is where its commands run; without
    one its tasks can be looked at. Raises `ConfigError` for a name that is none of these, listing what there is, and
    `DomainError` where the domain cannot be used.
    """
    name = settings.name or ""
    data = _folder(settings.data, base) if settings.data else None
    head, _, within = name.partition("/")
    if head in BUILT_IN:
        return BUILT_IN[head](_Wish(within or settings.family, data, settings, sandbox))
    if path := _task_folder(name, base):
        return _of_folder(path, settings, sandbox, name)
    if point := installed().get(name):
        return opened(load_point(point), name, data, sandbox, settings)
    if is_dotted(name):
        return opened(load_dotted(name, base), name, data, sandbox, settings)
    raise _unknown(name)


class Data(NamedTuple):
    """Where the tasks of a domain lie on this disk: the setting of `[domain]` that names the place, and the place."""

    key: Literal["data", "name"]
    path: Path


def data_of(settings: DomainSettings, base: Path) -> Data | None:
    """What a domain reads beside its own code; None where that is nothing. Raises `DomainError` as `open_domain`."""
    if settings.data:
        return Data("data", _folder(settings.data, base))
    name = settings.name or ""
    path = None if name.partition("/")[0] in BUILT_IN else _task_folder(name, base)
    return Data("name", path) if path else None


def _open_house(wish: _Wish) -> Domain:
    if wish.data:
        raise ConfigError("domain house makes its own tasks; leave domain.data away")
    _own_split(wish, "house")
    return House(wish.within)


def _open_spreadsheet(wish: _Wish) -> Domain:
    _no_family(wish, "spreadsheet")
    return _spreadsheet(wish.data, wish.settings)


def _own_split(wish: _Wish, name: str) -> None:
    """The paper's slices are of workbooks."""
    if wish.settings.split != "stratified":
        raise ConfigError(f"domain.split is {wish.settings.split!r}, which {name} has not; leave it away")


def _open_tableqa(wish: _Wish) -> Domain:
    _own_split(wish, "tableqa")
    from engine.domains.tableqa.tableqa import TableQA

    if wish.within not in ("", "xlsx"):
        raise ConfigError(f"domain tableqa has no family {wish.within!r}; tableqa/xlsx gives its tables as workbooks")
    return TableQA(wish.data, as_xlsx=wish.within == "xlsx")


def _open_math(wish: _Wish) -> Domain:
    from engine.domains.math.math import Math

    _no_family(wish, "math")
    _own_split(wish, "math")
    return Math(wish.data)


def _open_docqa(wish: _Wish) -> Domain:
    from engine.domains.docqa.docqa import DocQA

    _no_family(wish, "docqa")
    _own_split(wish, "docqa")
    return DocQA(wish.data)


def _open_folder(wish: _Wish) -> Domain:
    if wish.data is None:
        raise ConfigError("domain folder needs its folder of tasks: give --data DIR, or --domain ./DIR")
    return _task_set(wish.data, wish.settings, wish.sandbox, wish.within)


BUILT_IN: Mapping[str, Callable[[_Wish], Domain]] = {
    "house": _open_house,
    "spreadsheet": _open_spreadsheet,
    "tableqa": _open_tableqa,
    "math": _open_math,
    "docqa": _open_docqa,
    "folder": _open_folder,
}


def _of_folder(path: Path, settings: DomainSettings, sandbox: Sandbox | None, name: str) -> Domain:
    if settings.data:
        raise ConfigError(f"domain.name is the folder {short(name)!r} and domain.data another one; keep one of them")
    if (path / SPREADSHEET_LIST).is_file():
        return _spreadsheet(path, settings)
    return _task_set(path, settings, sandbox, settings.family)


def _task_set(path: Path, settings: DomainSettings, sandbox: Sandbox | None, family: str) -> Domain:
    from engine.domains.folder.folder import Folder

    if settings.split != "stratified":
        raise ConfigError(f"domain.split is {settings.split!r}, which a folder of tasks has not; leave it away")
    shares: dict[Split, int] = {"evolve": settings.evolve, "validation": settings.validation, "test": settings.test}
    return Folder(path, sandbox, family=family, shares=shares, seed=settings.seed)


def _spreadsheet(data: Path | None, settings: DomainSettings) -> Domain:
    from engine.domains.spreadsheet.domain import Spreadsheet, sampled
    from engine.domains.spreadsheet.splits import Shares

    shares = Shares(settings.evolve, settings.validation, settings.test)
    if data is None and settings.split != "stratified":
        raise ConfigError(f"domain.split is {settings.split!r}, which made-up workbooks have not; give --data DIR")
    if data is None:
        return sampled(settings.seed, settings.profile, shares)
    return Spreadsheet(data, settings.profile, settings.split, shares)


def _no_family(wish: _Wish, name: str) -> None:
    if wish.within:
        raise ConfigError(f"domain {name} has no families, so {short(wish.within, 60)!r} is none of them")


def _folder(name: str, base: Path) -> Path:
    """A folder that a setting names. Raises `DomainError` where no path can have this name."""
    try:
        return base / Path(name).expanduser()
    except (RuntimeError, ValueError) as error:
        raise DomainError(f"{short(name)!r} is no path that can be opened") from error


def _task_folder(name: str, base: Path) -> Path | None:
    """The folder that a name means: it has a separator, or is there. Raises `DomainError` where it is not."""
    if not name or "\0" in name:
        return None
    path = _folder(name, base)
    try:
        there, other = path.is_dir(), path.exists()
    except OSError:  # no file can have this name
        there = other = False
    if there:
        return path
    if other:
        raise DomainError(f"{path} is a file; a domain is a folder of tasks, and one in Python package.module:Name")
    if re.search(r"[/\\]", name) or name in (".", ".."):
        raise DomainError(f"{path}: there is no such folder of tasks")
    return None


def _unknown(name: str) -> ConfigError:
    if not name:
        return ConfigError("no domain is named: give --domain NAME")
    plugins = sorted(installed())
    known = [*(f"house/{family}" for family in FAMILIES), *(n for n in BUILT_IN if n != "house"), *plugins]
    near = difflib.get_close_matches(name, [*known, "house"], 1, 0.6)
    hint = f"did you mean {near[0]}? " if near else ""
    listed = f"there are: {', '.join(known)}, a folder like ./tasks, package.module:Name"
    return ConfigError(f"no domain {short(name)!r}; {hint}{listed}")
