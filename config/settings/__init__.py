"""The settings Django loads: `config.settings`.

`ORDERLY_ENV` chooses: unset or `development` gives `base`, `production` gives `production`; anything else is refused.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

match os.environ.get("ORDERLY_ENV", "development"):
    case "development":
        from config.settings.base import *  # noqa: F403
        from config.settings.base import BASE_DIR, INSTALLED_APPS

        if Path(BASE_DIR, "tests", "apps.py").exists():  # what is delivered has no tests
            INSTALLED_APPS = [*INSTALLED_APPS, "tests.apps.TestsConfig"]
    case "production":
        from config.settings.production import *  # noqa: F403
    case other:
        raise ImproperlyConfigured(f"ORDERLY_ENV is {other!r}; use 'development' or 'production'.")
