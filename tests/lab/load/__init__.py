"""A load client that never retries and writes down every request it makes."""
