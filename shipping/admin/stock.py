"""Stock by product, and the page on which a delivery is taken in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from orchestration.admin.read_only import ReadOnlyPage
from orchestration.admin.theme import label
from orchestration.command_line import manage
from orchestration.sentences import explained, sentence
from shipping.admin.restock import lacking, restock_once
from shipping.admin.restock_form import RestockForm
from shipping.delivery_words import called, names_of, told
from shipping.models import Stock
from shipping.restocking import Restocked, UnknownProduct


class LevelFilter(SimpleListFilter):
    """By what is free."""

    title = "free units"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "sold out, still made"), ("few", "fewer than 10"), ("gone", "discontinued")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "none":
                return queryset.filter(on_hand=0, discontinued=False)
            case "few":
                return queryset.filter(on_hand__lt=10)
            case "gone":
                return queryset.filter(discontinued=True)
            case _:
                return queryset


@admin.register(Stock)
class StockAdmin(ReadOnlyPage):
    """One row for each product. The only way to change it is a restock."""

    instead = (
        "To take in a delivery choose products and the action “Restock”, or use “Fill waiting orders” "
        f"(commands, for example: {manage('restock', 'NW-11', '5')}, {manage('restock', '--to-fill')})."
    )
    list_display = ("sku", "product", "free", "reserved", "shipped", "restocked", "initial", "shown_state")
    list_filter = (LevelFilter,)
    search_fields = ("sku",)
    list_per_page = 100
    fields = ("product", ("sku", "shown_state"), ("free", "reserved"), ("shipped", "initial"), "restocked")
    readonly_fields = ("product", "free", "shown_state")
    actions = ("restock",)
    change_list_template = "shipping/admin/stock.html"

    @admin.display(description="product")
    def product(self, stock: Any) -> str:
        """What the shop calls it."""
        name: str | None = getattr(stock, "name", None)
        return (name if name is not None else names_of([stock.sku]).get(stock.sku, "")) or "-"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist: Any = super().get_changelist_instance(request)
        names = names_of(stock.sku for stock in changelist.result_list)
        for stock in changelist.result_list:
            stock.name = names.get(stock.sku, "")
        return changelist

    @admin.display(description="free", ordering="on_hand")
    def free(self, stock: Stock) -> int:
        """Units for whoever comes next."""
        return stock.on_hand

    @label(
        description="state",
        colours={"free": "success", "none": "warning", "discontinued": "plain"},
    )
    def shown_state(self, stock: Stock) -> tuple[str, str]:
        """Whether there is any, and whether there will be."""
        if stock.discontinued:
            return "discontinued", "discontinued"
        return ("free", "free") if stock.on_hand else ("none", "sold out")

    def has_restock_permission(self, request: HttpRequest) -> bool:
        """Who may change stock may take a delivery in."""
        return bool(request.user.has_perm("shipping.change_stock"))

    @admin.action(description="Restock", permissions=["restock"])
    def restock(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask how many units of the chosen products came in."""
        skus = list(queryset.order_by("sku").values_list("sku", flat=True))
        return self._asked(request, RestockForm.empty(chosen=True), skus)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.restock_view)
        return [path("restock/", view, name="shipping_stock_restock"), *super().get_urls()]

    def restock_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what came in (GET: to fill waiting orders), or take it in (POST).

        Raises:
            PermissionDenied: the account may not change stock.
        """
        if not self.has_restock_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._asked(request, RestockForm.empty(chosen=False), [])
        skus = sorted(set(request.POST.getlist("sku")))
        form = RestockForm(request.POST, chosen=bool(skus))
        if not form.is_valid():
            return self._asked(request, form, skus)
        given = form.cleaned_data
        try:
            done = restock_once(
                key=given["key"],
                skus=skus,
                units=given.get("units"),
                to_fill=given["to_fill"],
                user=request.user,
            )
        except UnknownProduct as error:
            form.add_error(None, sentence(explained("Nothing was added", error)))
            return self._asked(request, form, skus)
        self.message_user(request, *_message(done))
        return HttpResponseRedirect(reverse("admin:shipping_stock_changelist"))

    def _asked(self, request: HttpRequest, form: RestockForm, skus: list[str]) -> TemplateResponse:
        chosen, missing_now = list(Stock.objects.filter(sku__in=skus).order_by("sku")), lacking()
        names = names_of([*skus, *(sku for sku, _, _ in missing_now)])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Restock" if skus else "Fill waiting orders",
            "form": form,
            "products": [(stock, called(stock.sku, names)) for stock in chosen],
            "skus": skus,
            "lacking": [(called(sku, names), missing, free) for sku, missing, free in missing_now],
            "media": self.media,
        }
        return TemplateResponse(
            request, "shipping/admin/restock.html", context, status=422 if form.errors else 200
        )


def _message(done: Restocked | None) -> tuple[str, int]:
    """What came of it, and how loudly to say so."""
    if done is None:
        return "This delivery was taken in already; nothing was added again.", messages.WARNING
    return told(done), messages.SUCCESS
