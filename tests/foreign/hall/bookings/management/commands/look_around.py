"""Runs the engine's commands, visits its pages in Django's own admin, and prints which did not answer with 200, and how many did."""

import uuid
from io import StringIO

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.test import Client
from django.urls import reverse

COMMANDS = [
    ["saga", "list"],
    ["saga", "list", "--json"],
    ["saga", "show", "opera"],
    ["saga", "show", "haunted", "--json"],
    ["saga", "stats"],
    ["saga", "dead-letters"],
    ["saga_check"],
    ["verify"],
    ["prune", "--dry-run"],
]


class Command(BaseCommand):
    def handle(self, **options):
        for name, *arguments in COMMANDS:
            call_command(name, *arguments, stdout=StringIO())
        users = get_user_model().objects.using("default")
        user = users.create(id=uuid.uuid4(), username="ada", is_staff=True, is_superuser=True)
        browser = Client()
        browser.force_login(user)
        visited = 0
        for model in apps.get_app_config("orchestration").get_models():
            if not admin.site.is_registered(model):
                continue
            name = f"admin:orchestration_{model._meta.model_name}"
            pages = [reverse(f"{name}_changelist")]
            pages += [reverse(f"{name}_change", args=[row.pk]) for row in model.objects.using("default")[:5]]
            for page in pages:
                status = browser.get(page).status_code
                visited += status == 200
                if status != 200:
                    self.stdout.write(f"{page} {status}")
        self.stdout.write(f"visited {visited}")
