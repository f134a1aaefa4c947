"""An app that sells tours."""

import site_celery  # noqa: F401 - the current app wherever Django runs: web processes publish too
