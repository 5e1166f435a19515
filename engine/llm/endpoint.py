"""What the engine asks of a model server, whatever stands behind it.

An endpoint is one method: `stream` gives pieces of text as they come and then exactly one `Reply`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from engine.llm.learned import Form


class Message(BaseModel):
    """One message of a conversation with a model."""

    model_config = ConfigDict(frozen=True)
    role: Literal["system", "user", "assistant"]
    content: str


class Request(BaseModel):
    """One call. An empty `model` means the endpoint's own; `extra` goes into the body as it is (reasoning_effort …).

    `form` is how a `json_schema` is asked for: as such, as any JSON object, or not at all; the caller chooses it by
    what the endpoint takes.
    """

    model_config = ConfigDict(frozen=True)
    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.0
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    form: Form = "json_schema"
    extra: dict[str, Any] = {}


class Delta(NamedTuple):
    """A piece of a reply: what is said, and what a reasoning model thinks; one of the two may be empty."""

    text: str
    reasoning: str


class Reply(BaseModel):
    """A whole reply. Token counts are None when the server does not tell; times are seconds since the call began."""

    model_config = ConfigDict(frozen=True)
    text: str
    reasoning: str = ""
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    first_token: float = 0.0
    seconds: float = 0.0


class Endpoint(Protocol):
    """A model server. Failures are `CallFailed` (see failures.py); nothing is retried here."""

    name: str

    def stream(self, request: Request) -> AsyncGenerator[Delta | Reply, None]:
        """Deltas, then exactly one `Reply`. Closing the generator or cancelling its reader ends the call at once."""
        ...

    async def models(self) -> list[str]:
        """The names of the models this server offers."""
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
