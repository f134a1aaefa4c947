"""What only the whole project can say in its admin: the landing page, accounts, and how apps that are strangers are linked."""

from __future__ import annotations

from django.contrib import admin

from config.admin import accounts

__all__ = ["accounts"]

# A template of its own name: the theme's app stands before ours, so its `admin/index.html` would be found first.
admin.site.index_template = "config/admin/landing.html"
