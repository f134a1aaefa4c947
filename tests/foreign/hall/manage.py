import os
import sys

import hall_celery  # noqa: F401 - a project's own Celery app is loaded at start, as Celery's guide to Django says
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hall_settings")
execute_from_command_line(sys.argv)
