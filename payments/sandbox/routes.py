"""Which address does what. Shared by the HTTP server and the in-memory gateway, so that both follow the same rules."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from payments.sandbox.answers import Answer, Refusal, invalid, not_found
from payments.sandbox.bank import Bank

_ACTION = re.compile(r"/(?P<kind>authorizations|captures)/(?P<id>[\w-]{1,64})/(?P<verb>capture|void|refund)")
_STATUS = re.compile(r"/authorizations/(?P<id>[\w-]{1,64})")
_BY_KEY = re.compile(r"/by-key/(?P<key>[^/]{1,1000})(?P<cancel>/cancel)?")
_VERBS = {("authorizations", "capture"), ("authorizations", "void"), ("captures", "refund")}


def route(bank: Bank, method: str, path: str, *, key: str | None, body: bytes) -> Answer:
    """Answer one call; never raises for what a caller can get wrong."""
    try:
        return _route(bank, method, path, key, body)
    except Refusal as refusal:
        return refusal.answer


def _route(bank: Bank, method: str, path: str, key: str | None, body: bytes) -> Answer:
    if method == "GET" and path == "/ledger":
        return bank.summary()
    if by_key := _BY_KEY.fullmatch(path):
        asked = unquote(by_key["key"])
        if by_key["cancel"] and method == "POST":
            return bank.cancel_key(asked)
        if not by_key["cancel"] and method == "GET":
            return bank.find_by_key(asked)
    if method == "GET" and (status := _STATUS.fullmatch(path)):
        return bank.find_authorization(status["id"])
    if method == "POST" and path == "/authorizations":
        return bank.act("authorize", None, _checked(key), _json(body))
    action = _ACTION.fullmatch(path)
    if method == "POST" and action and (action["kind"], action["verb"]) in _VERBS:
        return bank.act(action["verb"], action["id"], _checked(key), _json(body))
    raise not_found("such address")


def _checked(key: str | None) -> str:
    if not key or len(key) > 255:
        raise invalid("an Idempotency-Key header of 1 to 255 characters is required")
    return key


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(value, dict):
        raise invalid("the body must be a JSON object")
    return value
