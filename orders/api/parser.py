"""How the API reads bodies."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from orders.strict_json import read_json


class StrictParser(Parser):
    """Hands every request body of the API to `read_json`; the framework answers 400 when that raises."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body's content."""
        return read_json(request.body)
