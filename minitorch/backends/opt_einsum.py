"""The package opt_einsum: not used."""

enabled = False
strategy = None


def is_available() -> bool:
    """False: ``einsum`` goes from left to right."""
    return False
