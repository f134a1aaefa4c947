"""The oracle itself, on figures that can be checked by hand and on the real files."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

from tests.orders import northwind_oracle
from tests.orders.northwind_oracle import northwind


def test_the_oracle_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(northwind_oracle.__file__).read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {str(module).split(".")[0] for module in modules} <= sys.stdlib_module_names


def test_three_endings_and_a_restock_that_skips_whom_it_cannot_fill(tmp_path: Path) -> None:
    product = {"unit_price": "0.29", "currency": "USD"}
    catalog = tmp_path / "catalog.json"
    rows = [
        {**product, "sku": "A", "units_in_stock": 5, "discontinued": False},
        {**product, "sku": "D", "units_in_stock": 1, "discontinued": True},
    ]
    catalog.write_text(json.dumps({"products": rows}))
    wanted = [{"A": 4}, {"A": 2}, {"D": 2}, {"A": 9, "D": 2}, {"A": 9}, {"A": 1}]
    orders = tmp_path / "orders.jsonl"
    orders.write_text(
        "\n".join(
            json.dumps({"reference": str(n), "lines": [{"sku": s, "quantity": q} for s, q in lines.items()]})
            for n, lines in enumerate(wanted)
        )
    )
    world = northwind(catalog, orders)
    assert list(world.endings.values()) == [
        "shipped", "backordered", "cancelled", "cancelled", "backordered", "shipped",
    ]  # fmt: skip
    assert world.takings_minor() == 5 * 29
    assert world.missing_to_fill() == {"A": 11}
    assert world.restock({"A": 8}) == ["1"]
    assert world.on_hand["A"] == 6
    assert world.restock({"A": 2}) == []
    assert world.restock({"A": 1}) == ["4"]
    assert world.counts() == {"shipped": 4, "backordered": 0, "cancelled": 2}


def test_northwind() -> None:
    world = northwind()
    assert world.counts() == {"shipped": 80, "backordered": 386, "cancelled": 134}
    assert world.takings_minor() == 4_407_903
    missing = world.missing_to_fill()
    assert sum(missing.values()) == 24_510
    assert len(world.restock(missing)) == 386
    assert world.counts() == {"shipped": 466, "backordered": 0, "cancelled": 134}
