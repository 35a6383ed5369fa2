from minitorch import methods
from minitorch.core.tensor import Tensor
