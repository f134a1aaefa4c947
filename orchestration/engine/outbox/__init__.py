"""The outbox: written with the decision, sent by relay and sweep, sent again until received."""
