"""The mathematics of layers as functions, without state."""

from importlib import import_module
from typing import TYPE_CHECKING

from minitorch.nn.functional.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from minitorch.nn.functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices,
)
from minitorch.nn.functional.attention import scaled_dot_product_attention
from minitorch.nn.functional.binary_cross_entropy import binary_cross_entropy, binary_cross_entropy_with_logits
from minitorch.nn.functional.conv import conv1d, conv2d, conv3d
from minitorch.nn.functional.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from minitorch.nn.functional.cross_entropy import cross_entropy, nll_loss
from minitorch.nn.functional.ctc import ctc_loss
from minitorch.nn.functional.distance import cosine_similarity, normalize, pairwise_distance, pdist
from minitorch.nn.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from minitorch.nn.functional.embedding import embedding, one_hot
from minitorch.nn.functional.embedding_bag import embedding_bag
from minitorch.nn.functional.folding import fold, unfold
from minitorch.nn.functional.grid import affine_grid, grid_sample
from minitorch.nn.functional.linear import bilinear, linear
from minitorch.nn.functional.loss import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
)
from minitorch.nn.functional.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from minitorch.nn.functional.multi_head_attention import multi_head_attention_forward
from minitorch.nn.functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from minitorch.nn.functional.padding import pad
from minitorch.nn.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
)
from minitorch.nn.functional.resizing import interpolate, upsample, upsample_bilinear, upsample_nearest
from minitorch.nn.functional.softmax import gumbel_softmax, log_softmax, softmax, softmin
from minitorch.nn.functional.unpooling import max_unpool1d, max_unpool2d, max_unpool3d
from minitorch.nn.functional.vision import channel_shuffle, pixel_shuffle, pixel_unshuffle

if not TYPE_CHECKING:

    def __getattr__(name):
        """What few programs need, when it is asked for; the reason, where there is no such name."""
        if name in ("fractional_max_pool2d", "fractional_max_pool3d"):
            return getattr(import_module(f"{__name__}.fractional_pooling"), name)
        from minitorch.missing import explain

        raise explain(__name__, name)
