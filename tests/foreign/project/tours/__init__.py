"""An app that sells tours."""
