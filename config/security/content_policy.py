"""Sends the content security policy of the area an address belongs to. The policies are in `config.settings.security`."""

from __future__ import annotations

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class AreaPolicy(CSPMiddleware):
    """django-csp with a policy for each area; a view's own (`csp.decorators.csp`) comes first.

    What no area claims, error pages and static files included, gets the storefront's: the strictest.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return the policy for one response."""
        parts = super().get_policy_parts(request, response, report_only)
        match = request.resolver_match
        if parts.config is None and match is not None and not report_only:
            areas = settings.ORDERLY_CONTENT_POLICIES
            parts.config = areas.get(match.view_name) or areas.get(match.namespace)
        return parts
