"""The HTTP API: `api` is mounted under /api/ by the project. Documents itself at /api/docs."""

from __future__ import annotations

from orders.api.routes import api

__all__ = ["api"]
