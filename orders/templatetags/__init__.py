"""What the shop's templates can say."""
