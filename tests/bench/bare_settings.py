"""A Django project that has nothing but the database: for bare canvas. Its connection has the settings of ours."""

from __future__ import annotations

import os

import dj_database_url

SECRET_KEY = "signs nothing"
USE_TZ = True
DATABASES = {
    "default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60, conn_health_checks=True)
}
