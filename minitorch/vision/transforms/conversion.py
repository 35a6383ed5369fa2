"""From images to tensors and back, and between element types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, to_host
from minitorch.core.tensor import Tensor, wrap
from minitorch.vision.transforms.images import is_array_image, is_pil, pil, pil_array


def default_float() -> np.dtype:
    """NumPy's name for the default dtype, which new floating point tensors have."""
    from minitorch import get_default_dtype

    return get_default_dtype().numpy


def channels_first(array: Any) -> Any:
    """(H, W) -> (1, H, W) and (H, W, C) -> (C, H, W), without a copy."""
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def unit_range(array: Any) -> Any:
    """uint8 to floats from 0 to 1, in memory order of its own."""
    dtype = default_float()
    out = np.empty(array.shape, dtype)
    return np.divide(array, dtype.type(255), out=out, dtype=dtype)


def to_tensor(pic: Any) -> Tensor:
    """An image (H, W, C) as a tensor (C, H, W); 8-bit values 0 to 255 become floats from 0 to 1.

    Args:
        pic: a PIL image, or a NumPy array (H, W) or (H, W, C).  Of other element types the values stay what they are.

    Raises:
        TypeError, ValueError: it is no image, or an array of other than 2 or 3 dimensions.

    >>> import numpy as np
    >>> to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """
    if isinstance(pic, np.ndarray):
        if not is_array_image(pic):
            raise ValueError(f"to_tensor: pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = channels_first(pic)
    elif is_pil(pic):
        array = channels_first(pil_array(pic))
        if pic.mode == "1":
            array = array * np.uint8(255)
        elif pic.mode.startswith("I;16"):
            array = array.astype(np.int16)  # PyTorch's choice here
    else:
        raise TypeError(f"to_tensor: pic should be PIL Image or ndarray. Got {type(pic)}")
    return wrap(unit_range(array) if array.dtype == np.uint8 else np.ascontiguousarray(array))


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image (or array image) as a tensor (C, H, W) of the same values.

    Raises:
        TypeError: it is neither.
    """
    if not is_pil(pic) and not is_array_image(pic):
        raise TypeError(f"pil_to_tensor: pic should be PIL Image. Got {type(pic)}")
    return wrap(channels_first(pil_array(pic) if is_pil(pic) else pic).copy())


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """A tensor image in another element type, its range scaled: floats go from 0 to 1, integers over all they hold.

    Args:
        dtype: default ``float32``.

    Raises:
        RuntimeError: floats that the integer type cannot hold apart (float32 to int32 or int64).
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"convert_image_dtype: input img should be Tensor Image, got {type(image).__name__}")
    source = image._data
    target = np.dtype(np.float32) if dtype is None else dtype.numpy
    if source.dtype == target:
        return image
    if source.dtype.kind == "f" and target.kind == "f":
        return wrap(source.astype(target))
    if source.dtype.kind == "f":
        if (source.dtype == np.float32 and target.itemsize >= 4) or (
            source.dtype == np.float64 and target.itemsize == 8
        ):
            raise RuntimeError(
                f"convert_image_dtype: the cast from {source.dtype} to {target} cannot be performed safely"
            )
        # just under one more than the maximum: every integer then stands for an interval of equal length
        return wrap((source * source.dtype.type(np.iinfo(target).max + 1.0 - 1e-3)).astype(target))
    most = int(np.iinfo(source.dtype).max) if source.dtype.kind in "iu" else 1
    if target.kind == "f":
        return wrap(array_module(source).divide(source, target.type(most), dtype=target))
    new = int(np.iinfo(target).max)
    if most > new:
        return wrap((source // ((most + 1) // (new + 1))).astype(target))
    return wrap(source.astype(target) * target.type((new + 1) // (most + 1)))


def normalize_array(array: Any, mean: Any, std: Any, out: Any = None) -> Any:
    """``(array - mean) / std`` per channel (axis -3)."""
    xp = array_module(array)
    centred = xp.subtract(array, xp.asarray(mean, dtype=array.dtype).reshape(-1, 1, 1), out=out)
    return xp.divide(centred, xp.asarray(std, dtype=array.dtype).reshape(-1, 1, 1), out=centred)


def check_normalize(tensor: Any, mean: Any, std: Any) -> None:
    """Raises what ``normalize`` raises for these arguments."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}; put ToTensor() before Normalize")
    if tensor._data.dtype.kind != "f":
        raise TypeError(f"normalize: input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"normalize: expected tensor to be a tensor image of size (..., C, H, W). "
            f"Got tensor.size() = {tensor.shape}"
        )
    if (np.asarray(std, tensor._data.dtype) == 0).any():
        raise ValueError(
            f"normalize: std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero"
        )
    channels = tensor.shape[-3]
    for name, values in (("mean", mean), ("std", std)):
        count = np.size(values)
        if count not in (1, channels):
            raise RuntimeError(f"normalize: {name} has {count} values, the image has {channels} channels")


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """``(tensor - mean) / std``, one mean and one standard deviation per channel (or one for all).

    Raises:
        TypeError: not a floating point tensor.
        ValueError: fewer than 3 dimensions, or a standard deviation of 0.
        RuntimeError: not as many values as channels.
    """
    check_normalize(tensor, mean, std)
    if tensor.requires_grad:
        shape = (-1, 1, 1)
        like = wrap(np.asarray(mean, tensor._data.dtype).reshape(shape)).to(tensor.device)
        scale = wrap(np.asarray(std, tensor._data.dtype).reshape(shape)).to(tensor.device)
        return tensor.sub_(like).div_(scale) if inplace else (tensor - like) / scale
    if inplace:
        normalize_array(tensor._data, mean, std, out=tensor._data)
        tensor._version_counter[0] += 1
        return tensor
    return wrap(normalize_array(tensor._data, mean, std))


_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A PIL image from a tensor (C, H, W) or (H, W), or from an array (H, W, C) or (H, W).

    Floats are taken to go from 0 to 1.  Without ``mode`` the image is L, LA, RGB or RGBA by its channels;
    one channel of int16, int32 or float32 is I;16, I or F.

    Raises:
        TypeError, ValueError: no such image.
    """
    if isinstance(pic, Tensor):
        array = to_host(pic._data)
        if array.ndim not in (2, 3):
            raise ValueError(f"to_pil_image: pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"to_pil_image: pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        array = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"to_pil_image: pic should be Tensor or ndarray. Got {type(pic)}.")
    if array.shape[2] > 4:
        raise ValueError(f"to_pil_image: pic should not have > 4 channels. Got {array.shape[2]} channels.")
    if array.dtype.kind == "f" and mode != "F":
        array = (array * array.dtype.type(255)).astype(np.uint8)
    return _image_of(array, mode)


def _image_of(array: np.ndarray, mode: str | None) -> Any:
    channels = array.shape[2]
    if channels == 1:
        array = array[:, :, 0]
        natural = {"uint8": "L", "int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}.get(array.dtype.name)
        if natural is None:
            raise TypeError(f"to_pil_image: input type {array.dtype} is not supported for one channel")
        if mode not in (None, natural):
            raise ValueError(
                f"to_pil_image: incorrect mode ({mode}) supplied for input type {array.dtype}. Should be {natural}"
            )
        if natural == "I;16":
            array = array.astype(np.uint16)
        return pil().fromarray(np.ascontiguousarray(array))
    allowed = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV", "LAB"), 4: ("RGBA", "CMYK", "RGBX")}[channels]
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"to_pil_image: only modes {list(allowed)} are supported for {channels} channel inputs, got {mode}"
        )
    if array.dtype != np.uint8:
        raise TypeError(
            f"to_pil_image: input type {array.dtype} is not supported for {channels} channels, only uint8 is"
        )
    array = np.ascontiguousarray(array)
    chosen = mode or _MODES[channels]
    return pil().frombytes(chosen, (array.shape[1], array.shape[0]), array.tobytes())
