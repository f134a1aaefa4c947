"""What `pyproject.toml` says of the distribution fits what this repository runs on, and what its code imports."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestration.extras import DISTRIBUTION

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKED = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements" / "base.txt").read_text("utf-8"), flags=re.MULTILINE
    )
}
COMES_WITH = {"pydantic_core": "pydantic", "redis": "celery", "httpcore": "httpx"}
"""What a requirement brings along: of `redis`, the extra of Celery of that name."""
IMPORTED_AS = {
    "iso4217": "iso4217",
    "unfold": "django-unfold",
    "django_celery_results": "django-celery-results",
}


def declared() -> list[Requirement]:
    """Every requirement, those of extras too."""
    extras = PROJECT["optional-dependencies"].values()
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]
    return [each for each in map(Requirement, texts) if canonicalize_name(each.name) != DISTRIBUTION]


def test_what_is_locked_is_within_the_ranges() -> None:
    compared = [each for each in declared() if canonicalize_name(each.name) in LOCKED]
    assert len(compared) > 8
    for each in compared:
        assert each.specifier.contains(LOCKED[canonicalize_name(each.name)]), each


def test_the_engine_imports_nothing_that_is_not_declared() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "orchestration").rglob("*.py"))
    imported = set(
        re.findall(r"^\s*(?:from|import) ([a-z]\w*)(?=[ .].*\bimport\b|$|\.)", sources, flags=re.MULTILINE)
    )
    others = imported - set(sys.stdlib_module_names) - {"orchestration"}
    names = {canonicalize_name(each.name) for each in declared()}
    unknown = {
        name
        for name in others
        if canonicalize_name(IMPORTED_AS.get(name, COMES_WITH.get(name, name))) not in names
    }
    assert unknown == {"pytest"}, unknown  # by the plugin for it, which pytest itself loads
    assert {"django", "celery", "redis", "unfold"} <= others
