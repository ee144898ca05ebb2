"""The everyday load with a spike in the middle."""

from load.run.hooks import install_hooks
from load.run.options import StagesShape
from locustfile import EverydayUser  # noqa: F401  Locust spawns it


class Spike(StagesShape):
    """50 users, then 1,000 within 10 s for a minute, then 50 again, unless --stages says otherwise."""

    stages = "50:60:50 1000:70:95 50:120:95"


install_hooks()
