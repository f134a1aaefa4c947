"""The words that find products: the one part of the catalog that is written here."""

from __future__ import annotations

from django.contrib import admin

from orchestration.admin.lookups import OwnLookups
from orchestration.admin.theme import Page
from orders.models import SearchWords


@admin.register(SearchWords)
class SearchWordsAdmin(OwnLookups, Page):
    """By category or product. A customer's next search finds what is saved here."""

    list_display = ("subject", "words")
    search_fields = ("subject", "words")
    show_facets = admin.ShowFacets.NEVER
