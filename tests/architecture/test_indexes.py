"""docs/scaling.md says of every index of the engine's tables what it is for, and names functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "scaling.md").read_text("utf-8").split("### Every index")[1].split("Dropped,")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| `")]


@pytest.mark.django_db
def test_every_index_of_the_engine_stands_in_the_table_and_no_other() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename LIKE 'orchestration\\_%%'")
        there = {row[0] for row in cursor.fetchall()}
    told = {name for row in ROWS for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == there


def test_every_query_it_names_is_a_function_that_exists() -> None:
    named = [place for row in ROWS for place in re.findall(r"`([\w/]+\.py):(\w+)`", row)]
    assert len(named) > 30
    for file, function in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{file} has no function {function}"
