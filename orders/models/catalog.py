"""What we sell, and the only place a price comes from. How much of it there is, the warehouse knows (shipping)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from orchestration.money import HIGHEST_MINOR


class Product(models.Model):
    """One product of the catalog."""

    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    category = models.CharField(max_length=100, blank=True, default="")
    quantity_per_unit = models.CharField(max_length=100, blank=True, default="")
    price_minor = models.BigIntegerField("price (minor units)")
    currency = models.CharField(max_length=3)
    discontinued = models.BooleanField(default=False)

    class Meta:
        """Constraints first."""

        ordering = ("sku",)
        constraints = (
            models.CheckConstraint(
                name="product_price_in_range",
                condition=Q(price_minor__gte=0, price_minor__lte=HIGHEST_MINOR),
            ),
            models.CheckConstraint(
                name="product_currency_is_iso", condition=Q(currency__regex=r"^[A-Z]{3}$")
            ),
            models.CheckConstraint(name="product_sku_not_empty", condition=~Q(sku="")),
        )

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class SearchWords(models.Model):
    """Words that find the products of a category, or one product, beside its own name: `cheese` finds dairy products."""

    subject = models.CharField(
        max_length=100, unique=True, help_text="The name of a category, or the SKU of a product."
    )
    words = models.TextField(
        max_length=1_000,
        help_text="In any order, with commas or spaces between them; case, accents and plurals do not count.",
    )

    class Meta:
        """Constraints first."""

        verbose_name = "search words"
        verbose_name_plural = "search words"
        ordering = ("subject",)
        constraints = (
            models.CheckConstraint(name="search_words_not_empty", condition=~Q(subject="") & ~Q(words="")),
        )

    def __str__(self) -> str:
        return self.subject
