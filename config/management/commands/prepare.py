"""Readies what `up` needs: tables, catalog, admin account, in production static files. Idempotent; what people changed since is left alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

_ADMIN = "admin"
_CATALOG = Path("orders") / "fixtures" / "northwind" / "catalog.json"


class Command(BaseCommand):
    help = "Ready the database for `up` (reads the admin's passwords as JSON from standard input)."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            passwords = json.load(sys.stdin)
            chosen = {"generated": passwords["generated"], "chosen": passwords["chosen"]}
        except (ValueError, RecursionError, TypeError, KeyError):
            raise CommandError(
                'write {"generated": "...", "chosen": "..."} to standard input, as `up` does; run `up` instead'
            ) from None
        call_command("migrate", interactive=False, verbosity=0)
        if not apps.get_model("orders", "Product")._default_manager.exists():
            call_command("import_catalog", str(settings.BASE_DIR / _CATALOG), stdout=sys.stderr)
        if not settings.WHITENOISE_USE_FINDERS:
            # In production only what was gathered is served: without it no page has its styles and scripts.
            call_command("collectstatic", interactive=False, verbosity=0, stdout=sys.stderr)
        answer = {"user": _ADMIN, "password": _ensure_admin(**chosen)}
        self.stdout.write(json.dumps(answer))


def _ensure_admin(*, generated: str, chosen: str) -> str:
    """Have an admin account and return which password it has: the `generated`, the `chosen`, or one `changed` since."""
    users = get_user_model()._default_manager
    admin = users.filter(username=_ADMIN).first()
    if admin is None:
        admin = get_user_model()(username=_ADMIN, is_staff=True, is_superuser=True)
        admin.set_password(chosen or generated)
        admin.save()
    elif chosen and not admin.check_password(chosen):
        admin.set_password(chosen)
        admin.save(update_fields=["password"])
    if chosen:
        return "chosen"
    return "generated" if admin.check_password(generated) else "changed"
