"""Commands of the development checkout: they disturb and measure a system."""
