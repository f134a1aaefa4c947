"""What guards every address of the site: policies, refusals, error pages, and who a request comes from."""
