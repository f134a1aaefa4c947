"""Many rows of a few: copies made by the database itself."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection
from django.db.models import Model


def insert(model: type[Model], chosen: str, copies: int, changed: Mapping[str, str]) -> None:
    """Insert copies of the chosen rows; numbers that the database gives are given anew."""
    columns = [
        field.column
        for field in model._meta.concrete_fields
        if field.column and (field.column in changed or not field.primary_key)
    ]
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    values = ", ".join(changed.get(column) or f't."{column}"' for column in columns)
    execute(
        f"INSERT INTO {table(model)} ({names}) "
        f"SELECT {values} FROM {table(model)} t CROSS JOIN generate_series(1, {copies}) n WHERE t.{chosen}"
    )


def table(model: type[Model]) -> str:
    return f'"{model._meta.db_table}"'


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
