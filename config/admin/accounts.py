"""Users and groups with the theme's forms; Django's own pages would look foreign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth.models import Group, User
from django.utils.safestring import mark_safe

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


class UserForm(forms.UserChangeForm):  # type: ignore[misc]  # the theme has no types
    """The theme's form, with a link in its text that is not told by its colour alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (password := self.fields.get("password")) is not None:
            # Made of the theme's own sentence, which holds nothing of a person's.
            password.help_text = mark_safe(str(password.help_text).replace('class="', 'class="underline '))  # noqa: S308


@admin.register(User)
class UserAdmin(OwnLookups, Users):
    """Who may sign in."""

    form = UserForm
    add_form = forms.UserCreationForm
    change_password_form = forms.AdminPasswordChangeForm
    show_facets = admin.ShowFacets.NEVER
    filter_horizontal = ()  # the script behind it puts labels where screen readers ignore them


@admin.register(Group)
class GroupAdmin(OwnLookups, Groups):
    """Permissions for several users at once."""

    filter_horizontal = ()
