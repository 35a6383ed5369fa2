// Softmax and its logarithm along one dimension of (outer, length, inner), with their gradients.
//
// Grid and block: 256 threads a block.  Rows that lie side by side (inner = 1): 1 to 32 threads for a row of up to 256
// elements, a block for a longer row.  Rows that lie apart: a block for 32 neighbours.
// Bytes moved, for n elements of b bytes: forward 2 n b, and masks of scores in addition; backward 3 n b, the least
// possible.  Where a thread has more than KEPT elements of its row (rows above 2,048 elements), the others are read
// again: up to n b and 2 n b more, from the L2 cache unless the rows that are worked on do not fit it.
// Bound: memory bandwidth; for few classes it is the launch.

#include "teams.cuh"

struct Total {
    REAL top, sum, logarithm;  // the largest element, the sum of exp(x - top), and that sum's logarithm
};

// Passes element after element of a row, `value(j)`, to `store(j, value, total)`.
template <class Value, class Store>
__device__ static void softmax_row(const Team& team, bool inside, int length, Value value, Store store) {
    int beyond = team.lane + KEPT * team.lanes;
    REAL kept[KEPT] = {};
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * team.lanes < length) kept[k] = value(team.lane + k * team.lanes);
    OnlineSum own = {value(0), 0};
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * team.lanes < length) own.add(kept[k]);
    for (int j = beyond; j < length; j += team.lanes) own.add(value(j));

    REAL top = team.largest(own.top), sum = team.sum(own.sum_below(top));
    if (!inside) return;
    Total total = {top, sum, log(sum)};
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * team.lanes < length) store(team.lane + k * team.lanes, kept[k], total);
    for (int j = beyond; j < length; j += team.lanes) store(j, value(j), total);
}

// `logarithm`: 1 for the logarithm of the softmax.
extern "C" __global__ void __launch_bounds__(256) softmax_forward(
    const REAL* __restrict__ x, REAL* __restrict__ out, int logarithm, int lanes, int length, int inner, int rows) {
    Team team(lanes, inner > 1);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1, first = row / inner * length * inner + row % inner;
    softmax_row(
        team, inside, length, [=](int j) { return x[first + j * inner]; },
        [=](int j, REAL value, const Total& total) {
            out[first + j * inner] =
                logarithm ? value - total.top - total.logarithm : exp(value - total.top) / total.sum;
        });
}

// Where a row of scores (.., second, third, length) meets an array that is broadcast to them.
struct Broadcast {
    int second, third;     // sizes of the dimensions before the last
    int strides[3], step;  // of the first dimensions, taken together, of those two, and of the last

    __device__ int first(int row) const {
        return row / third / second * strides[0] + row / third % second * strides[1] + row % third * strides[2];
    }
};

// The softmax of scores * scale + mask without the places that are `hidden`; either may be null.  `lowest`: minus
// infinity; `zeros`: whether a row of nothing else gets zeros.
extern "C" __global__ void __launch_bounds__(256) masked_softmax(
    const REAL* __restrict__ scores, const REAL* __restrict__ mask, const unsigned char* __restrict__ hidden,
    REAL* __restrict__ out, REAL scale, REAL lowest, int zeros, Broadcast masks, Broadcast hides, int lanes,
    int length, int rows) {
    Team team(lanes, false);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1;
    long long begin = (long long)row * length;
    const REAL* added = mask ? mask + masks.first(row) : nullptr;
    const unsigned char* unseen = hidden ? hidden + hides.first(row) : nullptr;
    softmax_row(
        team, inside, length,
        [=](int j) {
            if (unseen && unseen[j * hides.step]) return lowest;
            return scores[begin + j] * scale + (added ? added[j * masks.step] : (REAL)0);
        },
        [=](int j, REAL value, const Total& total) {
            bool nothing = zeros && total.top == lowest;
            out[begin + j] = nothing ? (REAL)0 : exp(value - total.top) / total.sum;
        });
}

// `out`: what forward gave.
extern "C" __global__ void __launch_bounds__(256) softmax_backward(
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
