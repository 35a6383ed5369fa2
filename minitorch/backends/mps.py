"""Apple's GPUs: not used."""


def is_available() -> bool:
    """False: tensors cannot be put on Apple's GPUs.

    >>> import minitorch as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


is_built = is_available


def is_macos_or_newer(major: int, minor: int) -> bool:
    """False: of no use where Apple's GPUs are not used."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:
    """False, as :func:`is_macos_or_newer`."""
    return False
