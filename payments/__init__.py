"""The payments participant: holds, takes and returns a customer's money through a payment gateway."""
