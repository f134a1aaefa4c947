"""What a person says of a delivery."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms

from shipping.restocking import MOST_UNITS

"""Of one product in one delivery."""


class RestockForm(forms.Form):
    """So many units of each chosen product, what the waiting orders lack, or both."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    """Names this delivery: the same form sent twice takes it in once."""
    units = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_UNITS,
        label="Units of each chosen product",
        error_messages={
            "invalid": "Give a whole number, such as 25.",
            "min_value": "Add at least one unit.",
            "max_value": f"At most {MOST_UNITS:,} units at once.",
        },
    )
    to_fill = forms.BooleanField(required=False, label="Also add what waiting orders lack")

    def __init__(self, *args: Any, chosen: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chosen = chosen
        if not chosen:
            del self.fields["units"]
            self.fields["to_fill"].widget = forms.HiddenInput()

    @classmethod
    def empty(cls, *, chosen: bool) -> RestockForm:
        """A form nobody has filled in yet."""
        return cls(chosen=chosen, initial={"key": uuid4(), "to_fill": not chosen})

    def clean(self) -> dict[str, Any]:
        """Refuse a delivery of nothing."""
        given: dict[str, Any] = super().clean() or {}
        if (
            self._chosen
            and not given.get("units")
            and not given.get("to_fill")
            and "units" not in self.errors
        ):
            self.add_error("units", "Say how many units came in, or tick the box below.")
        return given
