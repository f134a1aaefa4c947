"""The flow of one saga as a picture, coloured as it stands: an address of its own below the saga's page."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from orchestration.core.definition import registry
from orchestration.drawing.svg import svg
from orchestration.errors import UnknownDefinition
from orchestration.models import Saga
from orchestration.operations.terminal.drawing import states_of

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The picture has a style sheet inside and needs nothing else."""


def is_drawn(saga: Saga) -> bool:
    """Whether this process knows the saga's definition."""
    try:
        registry.find(saga.definition, saga.version)
    except UnknownDefinition:
        return False
    return True


def picture(request: HttpRequest, saga: Saga) -> HttpResponse:
    """The picture as `image/svg+xml`.

    Raises:
        Http404: this process does not know the saga's definition.
    """
    try:
        definition = registry.find(saga.definition, saga.version)
    except UnknownDefinition as error:
        raise Http404(str(error)) from error
    answer = HttpResponse(svg(definition, states_of(saga)), content_type="image/svg+xml")
    answer["Content-Security-Policy"] = POLICY
    answer["Cache-Control"] = "no-store"
    return answer
