"""OpenMP."""


def is_available() -> bool:
    """False: threads share the work without OpenMP; see :func:`minitorch.set_num_threads`."""
    return False
