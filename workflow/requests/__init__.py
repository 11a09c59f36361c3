"""Read side of requests"""
