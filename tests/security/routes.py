"""Every address of the site, found by walking the resolver: a new one is in the matrix without anybody remembering it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

SAMPLES = {
    "str": "sample",
    "slug": "sample",
    "path": "sample",
    "int": "1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""A value for each kind of part; nothing has these ids, so most answers are 404."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address."""

    name: str
    """With its namespaces, such as `admin:index`."""
    path: str

    @property
    def namespace(self) -> str:
        return self.name.rpartition(":")[0]


def routes() -> list[Route]:
    """Return every address, each once."""
    return sorted(set(_walk(get_resolver(), "/", ())), key=lambda route: (route.path, route.name))


def _walk(resolver: URLResolver, above: str, namespaces: tuple[str, ...]) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        here = above + _filled(pattern)
        if isinstance(pattern, URLResolver):
            names = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern, here, names)
        else:
            yield Route(":".join((*namespaces, pattern.name or "")), here)


def _filled(pattern: URLPattern | URLResolver) -> str:
    if isinstance(pattern.pattern, RegexPattern):
        # The admin alone uses these: one for the addresses of apps, one for whatever else comes.
        return (
            "orders/"
            if "app_label" in pattern.pattern.converters or "app_label" in str(pattern.pattern)
            else "nothing"
        )
    text = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            text = text.replace(written, SAMPLES[kind])
    assert "<" not in text, f"no sample for {text}"
    return text
