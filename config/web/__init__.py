"""How a request comes in: read whole and checked at the door before it gets one of the web server's threads."""
