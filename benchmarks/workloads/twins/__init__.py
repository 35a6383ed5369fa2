"""The main workloads once more, for libraries whose API is not PyTorch's.

Equal shapes, equal numbers, the same update.  A module has what its library calls things (see :mod:`..nets`) and the
loops around: ``training(net, optimizer, batch)``, ``inference(net, batch)`` and ``two_layer``, and where ops run one by
one ``engine(chain, gradients)``.
"""

from __future__ import annotations

from .. import WORKLOADS
from .. import engine as chains
from ..nets import NETS
from . import chainer, jax, pydynet, tinygrad

for _library, _twin in {"chainer": chainer, "pydynet": pydynet, "jax": jax, "tinygrad": tinygrad}.items():
    for _batch in (4, 64, 256):
        WORKLOADS[f"train/lenet/batch-{_batch}"].twins[_library] = _twin.training(NETS["lenet"], "momentum", _batch)
    for _batch in (1, 256):
        WORKLOADS[f"infer/lenet/batch-{_batch}"].twins[_library] = _twin.inference(NETS["lenet"], _batch)
    WORKLOADS["train/mlp/batch-128"].twins[_library] = _twin.training(NETS["mlp"], "adam", 128)
    # tinygrad compiles these two for minutes.
    for _net in ("resnet20", "vgg") if _twin is not tinygrad else ():
        WORKLOADS[f"train/{_net}/batch-32"].twins[_library] = _twin.training(NETS[_net], "momentum", 32)
    WORKLOADS["train/two-layer/n-64"].twins[_library] = _twin.two_layer

# JAX and tinygrad compile whole steps: their ops one by one are not what anybody waits for.
for _library, _engine in {"chainer": chainer.engine, "pydynet": pydynet.engine}.items():
    for _name, _chain in (("mixed", chains.mixed), ("products", chains.products)):
        WORKLOADS[f"engine/{_name}/backward"].twins[_library] = _engine(_chain, True)
    WORKLOADS["engine/mixed/no-grad"].twins[_library] = _engine(chains.mixed, False)
