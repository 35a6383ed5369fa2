// Softmax and its logarithm along one dimension of (outer, length, inner), with their gradients.
//
// Grid: rows that lie side by side (inner = 1): 1 to 32 threads a row of up to 256 elements, 256 threads a block; a block
// of 256 for a longer row, of 512 from 8,192 elements on.  Rows that lie apart: blocks of 256 threads for 32 neighbours.
// Bytes moved, b being those of an element and n the number of all elements: forward 2 n b, backward 3 n b, the least
// possible, where a thread has at most KEPT elements of its row (in registers: rows of up to 2,048 elements); beyond
// them n b forward and 2 n b backward more, from the L2 cache unless rows are too long for it.  The bound is memory
// bandwidth; for few classes it is the launch.

#include "teams.cuh"

// The sum of exp(x - top) where the largest element `top` is found on the way (Milakov and Gimelshein 2018, "Online
// normalizer calculation for softmax", section 3).
struct OnlineSum {
    REAL top, sum;

    __device__ void add(REAL value) {
        if (value > top || value != value) {
            sum = sum * exp(top - value) + 1;
            top = value;
        } else {
            sum += value == top ? (REAL)1 : exp(value - top);  // equal infinities have no difference
        }
    }
};

// `logarithm`: 1 for the logarithm of the softmax.
extern "C" __global__ void __launch_bounds__(512) softmax_forward(
    const REAL* __restrict__ x, REAL* __restrict__ out, int logarithm, int lanes, int length, int inner, int rows) {
    Team team(lanes, inner > 1);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1, first = row / inner * length * inner + row % inner;
    int beyond = team.lane + KEPT * team.lanes;
    REAL kept[KEPT] = {};
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        int j = team.lane + k * team.lanes;
        if (j < length) kept[k] = x[first + j * inner];
    }
    OnlineSum own = {x[first], 0};
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * team.lanes < length) own.add(kept[k]);
    for (int j = beyond; j < length; j += team.lanes) own.add(x[first + j * inner]);

    REAL top = team.largest(own.top);
    REAL sum = team.sum(own.top == top ? own.sum : own.sum * exp(own.top - top));
    sum += top - top;  // NaN if the largest element is infinite
    if (!inside) return;
    REAL level = log(sum);
    auto store = [&](int j, REAL value) {
        out[first + j * inner] = logarithm ? value - top - level : exp(value - top) / sum;
    };
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        int j = team.lane + k * team.lanes;
        if (j < length) store(j, kept[k]);
    }
    for (int j = beyond; j < length; j += team.lanes) store(j, x[first + j * inner]);
}

// `out`: what forward gave.
extern "C" __global__ void __launch_bounds__(512) softmax_backward(
    const REAL* __restrict__ g, const REAL* __restrict__ out, REAL* __restrict__ gx, int logarithm, int lanes,
    int length, int inner, int rows) {
    Team team(lanes, inner > 1);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1, first = row / inner * length * inner + row % inner;
    int beyond = team.lane + KEPT * team.lanes;
    REAL slope[KEPT] = {}, result[KEPT] = {}, sum = 0;
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        int j = team.lane + k * team.lanes;
        if (j < length) {
            slope[k] = g[first + j * inner];
            result[k] = out[first + j * inner];
        }
    }
#pragma unroll
    for (int k = 0; k < KEPT; k++) sum += logarithm ? slope[k] : slope[k] * result[k];
    for (int j = beyond; j < length; j += team.lanes)
        sum += logarithm ? g[first + j * inner] : g[first + j * inner] * out[first + j * inner];

    sum = team.sum(sum);
    if (!inside) return;
    auto store = [&](int j, REAL g, REAL y) {
        gx[first + j * inner] = logarithm ? g - exp(y) * sum : y * (g - sum);
    };
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        int j = team.lane + k * team.lanes;
        if (j < length) store(j, slope[k], result[k]);
    }
    for (int j = beyond; j < length; j += team.lanes) store(j, g[first + j * inner], out[first + j * inner]);
}
