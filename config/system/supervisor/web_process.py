"""The application as a process of our web server loads it: `config.system.supervisor.web_process:application`, behind its door.

Granian's main process cannot end its processes when it is killed; they would go on, and keep the port. Nor may it be told to end
by a signal that it handles: the kernel sends that once for each thread that dies with the supervisor, and a second one while it
handles the first stops it for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

from config.system.servers.launch import die_with_parent
from config.system.supervisor.connections import allow_files

if (_parent := multiprocessing.parent_process()) is not None:
    die_with_parent(signal.SIGKILL)
    if os.getppid() != _parent.pid:
        sys.exit(1)  # it died before the tie was made

from django.conf import settings

from config.web.door import Door
from config.wsgi import application as wsgi_application

allow_files()
application = Door(
    wsgi_application,
    threads=int(os.environ["ORDERLY_WEB_THREADS"]),
    largest_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
)
