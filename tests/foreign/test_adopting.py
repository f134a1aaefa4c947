"""`docs/adopting.md` is followed as it stands there, in an empty folder with nothing but the wheel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import pytest

from tests.foreign.adopting import Reader, Typed, Written, blocks
from tests.foreign.fresh import Environment, declared, newest_python, project_table
from tests.foreign.tour_project import ROOT, new_database

PAGE = (ROOT / "docs" / "adopting.md").read_text("utf-8")
LOOK_AT_ADMIN = """
from django.test import Client
from django.contrib.auth.models import User
from orchestration.models import Saga
browser = Client(SERVER_NAME="localhost")
browser.force_login(User.objects.get(username="ada"))
for saga in Saga.objects.order_by("business_key"):
    page = browser.get(f"/admin/orchestration/saga/{saga.pk}/change/")
    print(page.status_code, saga.business_key, "trips.hold_seat" in page.content.decode())
"""


@pytest.fixture
def told() -> Iterator[dict[str, str]]:
    """What the page reads from the environment: servers that are there, and databases of Redis that nobody else uses."""

    def redis(name: str, number: int) -> str:
        parts = urlsplit(os.environ[name])
        return urlunsplit(parts._replace(path=f"/{number}")) if parts.scheme == "redis" else os.environ[name]

    with new_database("shop") as address:
        server = urlsplit(address)
        yield {
            "SHOP_DATABASE": server.path.lstrip("/"),
            "PGHOST": str(server.hostname),
            "PGPORT": str(server.port),
            "PGUSER": unquote(server.username or ""),
            "PGPASSWORD": unquote(server.password or ""),
            "SHOP_BROKER": redis("CELERY_BROKER_URL", 14),
            "SHOP_RESULTS": redis("CELERY_RESULT_BACKEND", 15),
        }


@pytest.mark.wheel
@pytest.mark.acceptance
def test_the_page_leads_to_a_first_saga_and_back(tmp_path: Path, told: dict[str, str]) -> None:
    (folder := tmp_path / "empty").mkdir()
    reader = LookingReader(folder, Environment(tmp_path / "venv", newest_python()), told)
    reader.follow(PAGE)
    assert reader.looked.split("\n")[:2] == ["200 T-1 True", "200 T-2 True"]
    typed = [block.line for block in reader.done if isinstance(block, Typed)]
    assert any(line.startswith("celery -A shop worker") for line in typed)
    assert {"trips/sagas.py", "shop/settings.py"} <= {b.path for b in reader.done if isinstance(b, Written)}


class LookingReader(Reader):
    """Looks into the admin once it is served."""

    looked = ""

    def _type(self, block: Typed) -> None:
        super()._type(block)
        if "runserver" in block.line:
            self.looked = self.ended(f"python manage.py shell -v 0 -c '{LOOK_AT_ADMIN}'").stdout


def test_a_block_that_nobody_would_run_is_found() -> None:
    with pytest.raises(ValueError, match="neither commands nor a file"):
        list(blocks('```python\nORCHESTRATION = {"DATABASE": "bookings"}\n```\n'))
    assert list(blocks("```console\n$ one\nsaid\n$ two\n```\n")) == [Typed("one", ["said"]), Typed("two")]
    assert list(blocks("```python\n# a/b.py, at the end\nx = 1\n```\n")) == [
        Written("a/b.py", "at the end", "x = 1\n")
    ]


def test_the_page_names_the_extras_and_the_lower_ends_that_are_declared() -> None:
    extras = set(project_table()["optional-dependencies"])
    rows = PAGE.split("| Extra |")[1].split("\n\n")[0]
    named = {name for row in rows.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == extras
    versions = PAGE.split("## Versions")[1].split("\n## ")[0]
    lower = dict(
        re.findall(r"^(Django|celery|pydantic)>=([\d.]+)", "\n".join(declared()), flags=re.MULTILINE)
    )
    assert lower.keys() == {"Django", "celery", "pydantic"}
    for version in lower.values():
        assert version in versions
