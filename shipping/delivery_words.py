"""A delivery in words, the same in the admin and at the terminal. The warehouse knows numbers; names it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.conf import settings
from django.utils.module_loading import import_string

from shipping.restocking import Restocked

NAMED = 3
"""Products that are named; of more only the number is told."""


def names_of(skus: Iterable[str]) -> dict[str, str]:
    """Names by SKU, as the callable that `ORDERLY_PRODUCT_NAMES` names tells them; without it none."""
    path = getattr(settings, "ORDERLY_PRODUCT_NAMES", "")
    ask: Callable[[Iterable[str]], dict[str, str]] | None = import_string(path) if path else None
    return ask(skus) if ask is not None else {}


def called(sku: str, names: Mapping[str, str]) -> str:
    """A product as people know it: `NW-11 Queso Cabrales`."""
    return f"{sku} {names[sku]}" if names.get(sku) else sku


def told(done: Restocked) -> str:
    """What a delivery brought, and to whom."""
    if not done.units:
        return f"No waiting order lacks anything; nothing was added. {_orders(done)}"
    if len(done.units) > NAMED:
        units = f"{_units(sum(done.units.values()))} of {len(done.units)} products"
    else:
        names = names_of(done.units)
        units = _listed(
            [f"{_units(number)} of {called(sku, names)}" for sku, number in sorted(done.units.items())]
        )
    return f"{units} came in. {_orders(done)}"


def _orders(done: Restocked) -> str:
    served, waiting = len(done.allocated), done.waiting
    got = "1 order got its stock" if served == 1 else f"{served:,} orders got their stock"
    return f"{got}, {waiting:,} still wait{'s' if waiting == 1 else ''}."


def _units(number: int) -> str:
    return f"{number:,} unit{'s' if number != 1 else ''}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
