"""Which models a server offers: one GET on its list of models, nothing else is called."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import NamedTuple, cast

from t2s_tui.text import safe

WAIT = 5.0  # seconds
MOST = 1_000_000  # bytes of an answer
SHOWN = 4


class Offer(NamedTuple):
    """The names on offer, or why there are none."""

    names: tuple[str, ...] = ()
    fault: str = ""

    @property
    def said(self) -> str:
        """One sentence for people."""
        if self.fault:
            return self.fault
        more = f" and {len(self.names) - SHOWN} more" if len(self.names) > SHOWN else ""
        return f"answers; it has {', '.join(self.names[:SHOWN])}{more}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """A key goes to the address that was typed and to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def offered(base_url: str, key: str = "") -> Offer:
    """Ask `base_url` for its models; blocks up to 5 s."""
    request = urllib.request.Request(f"{base_url.rstrip('/')}/models", headers={"Accept": "application/json"})
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=WAIT) as answer:
            return _names(answer.read(MOST))
    except urllib.error.HTTPError as error:
        words = {
            401: "it wants a key: name its variable below",
            403: "the key is refused",
            404: "there is no list of models",
        }
        error.close()
        return Offer(fault=f"answers with {error.code}: {words.get(error.code, 'no list of models')}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        words = getattr(reason, "strerror", None) or reason
        return Offer(fault=f"does not answer: {safe(str(words), 120).lower()}")


def _names(data: bytes) -> Offer:
    try:
        rows = cast("list[object]", json.loads(data)["data"])
        names = tuple(safe(str(cast("dict[str, object]", row)["id"]), 200) for row in rows)
    except (ValueError, KeyError, TypeError):
        return Offer(fault="answers, but not with a list of models; does the address end in /v1?")
    return Offer(names) if names else Offer(fault="answers, and has no model loaded")
