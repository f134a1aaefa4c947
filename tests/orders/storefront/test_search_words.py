"""A customer finds products by what they are, as well as by what they are called."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from orders.errors import CatalogError
from orders.models import Product, SearchWords
from orders.services.catalog import import_catalog
from orders.storefront.folding import folded, forms
from orders.storefront.search import find_products

NORTHWIND = Path(__file__).resolve().parents[3] / "orders" / "fixtures" / "northwind" / "catalog.json"


@pytest.fixture
def northwind(db: None) -> None:
    import_catalog(path=NORTHWIND)


def found(query: str, category: str = "") -> set[str]:
    return {product.name for product in find_products(query=query, category=category)}


@pytest.mark.parametrize("query", ["cheese", "cheeses", "CHEESE", "Chéese", "chees", "cheese’s", " cheese "])
def test_cheese_finds_all_ten_cheeses(northwind: None, query: str) -> None:
    dairy = set(Product.objects.filter(category="Dairy Products").values_list("name", flat=True))
    assert len(dairy) == 10
    assert found(query) == dairy


@pytest.mark.parametrize(
    ("query", "some"),
    [
        ("beer", "Rhönbräu Klosterbier"),
        ("beers", "Chang"),
        ("tea", "Chai"),
        ("candies", "Gumbär Gummibärchen"),
        ("candy", "Gumbär Gummibärchen"),
        ("berry", "Lakkalikööri"),
        ("berries", "Northwoods Cranberry Sauce"),
        ("shrimp", "Carnarvon Tigers"),
        ("fishes", "Ikura"),
        ("chocolates", "Schoggi Schokolade"),
        ("rhonbrau", "Rhönbräu Klosterbier"),
        ("Rhoenbraeu", "Rhönbräu Klosterbier"),
        ("PATE", "Pâté chinois"),
        ("grune sosse", "Original Frankfurter grüne Soße"),
        ("antons", "Chef Anton's Gumbo Mix"),
        ("anton’s", "Chef Anton's Gumbo Mix"),
        ("blue cheese", "Gorgonzola Telino"),
        ("soft drink", "Guaraná Fantástica"),
        ("nw-11", "Queso Cabrales"),
    ],
)
def test_a_product_is_found_by_what_it_is(northwind: None, query: str, some: str) -> None:
    assert some in found(query)


def test_every_word_must_fit_and_a_category_restricts(northwind: None) -> None:
    assert found("blue cheese") < found("cheese")
    assert found("cheese beer") == set()
    assert found("cheese", category="Beverages") == set()
    assert found("’") == set()


def test_what_is_so_called_comes_first(northwind: None) -> None:
    names = [product.name for product in find_products(query="chocolate", category="")]
    assert names[0] == "Teatime Chocolate Biscuits"
    assert "Valkoinen suklaa" in names[1:]


def test_a_shop_mends_its_words_in_the_admin(northwind: None, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    assert found("dolce") == set()
    added = client.post(
        reverse("admin:orders_searchwords_add"), {"subject": "Confections", "words": "dolci, dolce"}
    )
    assert added.status_code == 200  # there is a row for them already
    row = SearchWords.objects.get(subject="Confections")
    address = reverse("admin:orders_searchwords_change", args=[row.pk])
    client.post(address, {"subject": "Confections", "words": f"{row.words}, dolce"})
    assert len(found("dolce")) == 13


def test_an_import_brings_the_words_and_leaves_others_alone(northwind: None, tmp_path: Path) -> None:
    product = json.loads(NORTHWIND.read_text(encoding="utf-8"))["products"][0]
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps({"products": [product], "search_words": {"NW-01": "brew"}}))
    import_catalog(path=file)
    assert found("brew") == {"Chai"}
    assert len(found("cheese")) == 10


@pytest.mark.parametrize(
    "wrong", [[], "cheese", {"NW-01": 3}, {"NW-01": ""}, {"": "x"}, {"x" * 101: "x"}, {"a": "\0"}]
)
def test_wrong_words_are_refused_with_the_whole_file(db: None, tmp_path: Path, wrong: object) -> None:
    product = json.loads(NORTHWIND.read_text(encoding="utf-8"))["products"][0]
    file = tmp_path / "catalog.json"
    file.write_text(json.dumps({"products": [product], "search_words": wrong}))
    with pytest.raises(CatalogError) as refused:
        import_catalog(path=file)
    assert "search_words" in str(refused.value.problems[0])
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("one", "many"), [("cheese", "cheeses"), ("berry", "berries"), ("loaf", "loaves"), ("tomato", "tomatoes"), ("dish", "dishes")]
)  # fmt: skip
def test_singular_and_plural_are_one_word(one: str, many: str) -> None:
    assert one in forms(many)
    assert many in forms(one) or many.startswith(one)


def test_the_database_folds_as_python_does(db: None) -> None:
    letters = "".join(chr(code) for code in (*range(0xC0, 0x17F), *range(0x1E00, 0x1EFF)))
    for start in range(0, len(letters), 40):
        name = letters[start : start + 40]
        Product.objects.create(sku=f"T-{start}", name=name, price_minor=1, currency="USD")
        for before, letter in pairwise(name):
            near = folded(before + letter)
            if near.isascii() and near.isalpha() and len(folded(before)) == len(folded(letter)) == 1:
                assert name in found(near), (before, letter, near)
