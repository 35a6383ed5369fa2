// Softmax and its logarithm along one dimension of (outer, length, inner), with their gradients.
//
// Grid and block: rows that lie side by side (inner = 1): 1 to 32 threads for a row of up to 256 elements, 256
// threads a block; a block of 256 threads for a longer row, of 512 from 8,192 elements on.  Rows that lie apart: a
// block of 256 threads for 32 neighbours.
// Bytes moved, for n elements of b bytes: forward 2 n b, backward 3 n b, the least possible.  Where a thread has more
// than KEPT elements of its row (rows above 2,048 elements), the others are read again: up to n b and 2 n b more,
// from the L2 cache unless the rows that are worked on do not fit it.
// Bound: memory bandwidth; for few classes it is the launch.

#include "teams.cuh"

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

    REAL top = team.largest(own.top), sum = team.sum(own.sum_below(top));
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
