"""Users and groups with the theme's forms; Django's own pages would look foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group, User

from orchestration.admin.lookups import OwnLookups

if TYPE_CHECKING:
    # The theme has no types of its own; its classes are Django's with another face.
    forms: Any
    Users = auth.UserAdmin[User]
    Groups = auth.GroupAdmin
else:
    from unfold import forms
    from unfold.admin import ModelAdmin

    Users = type("Users", (auth.UserAdmin, ModelAdmin), {})
    Groups = type("Groups", (auth.GroupAdmin, ModelAdmin), {})

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(OwnLookups, Users):
    """Who may sign in."""

    form = forms.UserChangeForm
    add_form = forms.UserCreationForm
    change_password_form = forms.AdminPasswordChangeForm
    show_facets = admin.ShowFacets.NEVER


@admin.register(Group)
class GroupAdmin(OwnLookups, Groups):
    """Permissions for several users at once."""
