"""The settings of shipping: where the carrier is, and the class that talks to it.

| setting                  | environment             | default                                                   |
|--------------------------|-------------------------|-----------------------------------------------------------|
| SHIPPING_CARRIER         | -                       | `shipping.carrier_http.HttpCarrier`                       |
| SHIPPING_CARRIER_URL     | ORDERLY_CARRIER_URL     | none                                                      |
| SHIPPING_CARRIER_SECRET  | ORDERLY_CARRIER_SECRET  | none; secret(s) of the webhooks, by commas, the newest first |
| SHIPPING_CARRIER_TIMEOUT | ORDERLY_CARRIER_TIMEOUT | 4 seconds for one call                                    |
| SHIPPING_CARRIER_LEDGER  | ORDERLY_CARRIER_LEDGER  | `carrier.sqlite3` in the data folder                      |
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from orchestration.providers.settings import ProviderSettings
from shipping.standard_webhooks import read_secrets

CARRIER = ProviderSettings(
    setting="SHIPPING_CARRIER",
    variable="ORDERLY_CARRIER",
    client_class="shipping.carrier_http.HttpCarrier",
    ledger_name="carrier.sqlite3",
)


def carrier_secrets() -> tuple[bytes, ...]:
    """The secrets a webhook may be signed with, the newest first."""
    try:
        return read_secrets(CARRIER.secret)
    except ValueError as error:
        raise ImproperlyConfigured(f"ORDERLY_CARRIER_SECRET: {error}") from None
