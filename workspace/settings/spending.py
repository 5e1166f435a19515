"""What a run may spend, and what tokens cost: caps for people who pay by the token or by the hour."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workspace.settings.fields import Section
from workspace.settings.fields import as_knob as _knob

_Count = Annotated[int, Field(ge=1)] | Literal["none"]
_Amount = Annotated[float, Field(gt=0)] | Literal["none"]


class SpendingSettings(Section):
    """The most a run may spend over all its engines; where a cap is reached, it pauses. "none": no cap."""

    tokens: _Count = _knob("none", "The most tokens, read and written together.", flag="--budget-tokens")
    cost: _Amount = _knob("none", "The most money, in the currency of [prices].", flag="--budget-cost")
    requests: _Count = _knob("none", "The most finished model calls.", flag="--budget-requests")
    seconds: _Amount = _knob("none", "The most seconds that engines may be at the run.", flag="--budget-seconds")
    confirm: _Count = _knob(
        2_000_000, "Ask a person before a run that may use more tokens than this; never for the embedded model."
    )
    confirm_cost: _Amount = _knob("none", "Ask a person before a run that may cost more than this; needs [prices].")


class PriceSettings(Section):
    """What a million tokens cost, in your currency. A price that is not set is unknown, not zero."""

    prompt: float | None = _knob(None, "Price of a million tokens read.", flag="--price-prompt", example=0.5, ge=0)
    completion: float | None = _knob(
        None, "Price of a million tokens written.", flag="--price-completion", example=1.5, ge=0
    )
