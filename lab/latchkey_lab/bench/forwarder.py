"""Our forwarder under load: `group-bench` plays the sender and the receivers, and weighs the forwarder."""

from .street import Street


def fan_out(street: Street, receivers: int, size: int, in_flight: int, seconds: float, *options: str) -> dict:
    raise NotImplementedError
