"""Apple's GPUs: not used."""


def is_available() -> bool:
    """False: tensors cannot be put on Apple's GPUs.

    >>> import minitorch as torch
    >>> torch.backends.mps.is_available()
    False
    """
    return False


def is_built() -> bool:
    """False, as :func:`is_available`."""
    return False
