"""The everyday load in stages, up and down again."""

from load.run.hooks import install_hooks
from load.run.options import StagesShape
from locustfile import EverydayUser  # noqa: F401  Locust spawns it


class Stages(StagesShape):
    """From 50 users up to 300 and back, with a minute for each stage, unless --stages says otherwise."""

    stages = "50:60:25 100:60:25 200:60:25 300:60:25 200:60:25 100:60:25 50:60:25"


install_hooks()
