"""What the API says of itself (OpenAPI), made to say what it does: errors are problems, and the key is required."""

from __future__ import annotations

from typing import Any

PROBLEM = "application/problem+json"

_EXAMPLE_ORDER = {
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "ship_to": {"name": "Ada Lovelace", "line1": "12 St James Square", "city": "London", "country": "UK"},
    "card": "card_ok",
    "lines": [{"sku": "NW-11", "quantity": 2}],
}
_EXAMPLES: dict[tuple[str, str], Any] = {
    ("/api/orders", "post"): _EXAMPLE_ORDER,
    ("/api/orders/{order_id}/cancel", "post"): {"reason": "Ordered twice."},
}
_EXAMPLE_KEY = "5f0c1de0-6ad2-4f0c-9a53-1c2f3b7a9d10"
_PROBLEM_EXAMPLES = {
    "400": ("invalid-request", "lines[0].quantity: must be a whole number from 1 to 10000"),
    "401": ("token-unknown", "This API token is not known; check it, or leave the Authorization header out."),
    "404": ("order-not-found", "No order has the id 5f0c1de0-6ad2-4f0c-9a53-1c2f3b7a9d10."),
    "409": (
        "too-late-to-cancel",
        "The parcel is being handed over, so the order can no longer be cancelled.",
    ),
    "413": ("body-too-large", "The body may have 65536 bytes; this one has 70000."),
    "415": ("not-json", "Send the body as 'Content-Type: application/json'."),
    "422": ("idempotency-key-reused", "This key was used with another request; use a new key."),
    "429": (
        "too-many-requests",
        "You call more often than this API allows. Send the same request again after 7 s.",
    ),
    "503": ("unavailable", "The store cannot be reached at the moment. Send the same request again."),
}


def told_truly(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the framework's description with what it cannot know: the form of errors, examples, what is required. Idempotent."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    _as_problem(str(status), response)
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "Idempotency-Key":
                    # Optional in code, so that we word what is wrong where it is missing.
                    parameter["required"] = True
                    parameter["schema"] = {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 255,
                        "pattern": "^[0-9A-Za-z_-]+$",
                    }
                    parameter["example"] = _EXAMPLE_KEY
            example = _EXAMPLES.get((path, method))
            if example is not None:
                operation["requestBody"]["content"]["application/json"]["example"] = example
    return schema


def _as_problem(status: str, response: dict[str, Any]) -> None:
    code, detail = _PROBLEM_EXAMPLES[status]
    content = response["content"].pop("application/json", None) or response["content"][PROBLEM]
    example = {
        "type": f"urn:orderly:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": int(status),
        "detail": detail,
    }
    response["content"] = {PROBLEM: {**content, "example": example}}
