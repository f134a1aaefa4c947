"""What durability costs: Orderly's engine beside bare Celery canvas, DBOS and the database alone, in one run."""
