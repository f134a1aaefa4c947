"""From step to step: starting, advancing, waiting, and taking events in."""
