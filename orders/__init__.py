"""Orders: owns the business outcome, so it owns the order sagas. Only this app writes an order's status."""
