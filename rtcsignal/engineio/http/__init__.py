"""HTTP as values: requests, responses, origins, addresses, limits."""
