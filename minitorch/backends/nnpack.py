"""NNPACK: not used."""


def is_available() -> bool:
    """False: NNPACK is not used."""
    return False
