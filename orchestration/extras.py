"""The extras of the distribution: what the engine can use, and works without. Pure.

Each optional package is imported in one place, which falls back to something simpler or says by this module what to install.
"""

from __future__ import annotations

DISTRIBUTION = "django-orderly"


def how_to_install(extra: str) -> str:
    """Return the command that installs what an extra names."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def missing(package: str, extra: str) -> str:
    """Say that a package is not installed, and how to install it."""
    return f"{package} is not installed. Install it: {how_to_install(extra)}"
