"""What comes next for a saga: the planning core and the values it works with. Pure."""
