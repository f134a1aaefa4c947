"""Everything that knows Celery and kombu: canvas, consumer, heartbeat, and the fast lane for Redis."""
