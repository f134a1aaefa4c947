"""The settings of payments: where the gateway is, and the class that talks to it.

| setting                  | environment             | default                                       |
|--------------------------|-------------------------|-----------------------------------------------|
| PAYMENTS_GATEWAY         | -                       | `payments.gateway_http.HttpGateway`           |
| PAYMENTS_GATEWAY_URL     | ORDERLY_GATEWAY_URL     | none                                          |
| PAYMENTS_GATEWAY_SECRET  | ORDERLY_GATEWAY_SECRET  | none                                          |
| PAYMENTS_GATEWAY_TIMEOUT | ORDERLY_GATEWAY_TIMEOUT | 4 seconds for one call                        |
| PAYMENTS_GATEWAY_LEDGER  | ORDERLY_GATEWAY_LEDGER  | `gateway.sqlite3` in the data folder          |
"""

from __future__ import annotations

from orchestration.providers.settings import ProviderSettings

GATEWAY = ProviderSettings(
    setting="PAYMENTS_GATEWAY",
    variable="ORDERLY_GATEWAY",
    client_class="payments.gateway_http.HttpGateway",
    ledger_name="gateway.sqlite3",
)
