"""What an author declares: nodes, references and policies, and what can be wrong with them. Pure."""
