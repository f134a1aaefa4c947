"""The notifications participant: tells the customer, once for each order and kind of news."""
