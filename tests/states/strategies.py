from hypothesis import HealthCheck, settings
quick = settings(deadline=None, max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow])
