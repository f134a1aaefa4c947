"""What the templates of pages can say."""
