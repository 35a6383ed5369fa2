"""Intel's oneDNN: not used."""

enabled = False


def is_available() -> bool:
    """False: oneDNN is not used."""
    return False
