"""Routers as a project with a read replica writes them; the second one is wrong."""


class ReplicaRouter:
    """Reads from the replica, writes to the primary; who is logged in is read from the primary, too."""

    def db_for_read(self, model, **hints):
        return "default" if model._meta.app_label in {"people", "sessions"} else "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *models, **hints):
        return True


class ApartRouter(ReplicaRouter):
    """Keeps the bookings in another database than the records of the steps that write them."""

    def db_for_write(self, model, **hints):
        return "replica" if model._meta.app_label == "bookings" else "default"
