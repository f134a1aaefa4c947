"""Settings for tools that read the code without running it (mypy): every required address has a stand-in."""

from __future__ import annotations

import os
import secrets
import tempfile

for _name, _stand_in in {
    "SECRET_KEY": secrets.token_urlsafe(32),
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "ORDERLY_DATA_DIR": tempfile.gettempdir(),
    "ORDERLY_MAIL_DIR": tempfile.gettempdir(),
}.items():
    os.environ.setdefault(_name, _stand_in)

from config.settings import *  # noqa: E402, F403
