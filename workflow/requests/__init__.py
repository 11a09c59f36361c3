"""Read side of requests: lists, the worklist, one request whole, its next step."""
