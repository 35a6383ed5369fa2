// Cross-entropy with class numbers: (rows, classes) scores, or (rows, classes, inner) with `inner` positions a row.
//
// Grid and block: rows of scores as in softmax.cu, then one block of 256 threads for all rows; backward a thread for
// each score, 256 a block.
// Bytes moved, for n scores of b bytes and r rows: forward n b + r (16 + 3 b), the scores once; backward 2 n b + r
// (8 + 2 b).
// Bound: memory bandwidth; for the few classes of small networks it is the launch.

#include "teams.cuh"

// `losses`: each row's, 0 for one that does not count.  A class out of range sets a flag.
extern "C" __global__ void __launch_bounds__(256) class_loss_rows(
    const REAL* __restrict__ scores, const long long* __restrict__ classes, REAL* __restrict__ losses,
    REAL* __restrict__ log_sums, long long* flags, int slot, long long ignored, int number, int inner, int lanes,
    int rows) {
    Team team(lanes, inner > 1);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1;
    const REAL* at = scores + (long long)(row / inner) * number * inner + row % inner;
    OnlineSum own = {at[0], 0};
    for (int c = team.lane; c < number; c += team.lanes) own.add(at[(long long)c * inner]);
    REAL top = team.largest(own.top), sum = team.sum(own.sum_below(top));
    if (!inside || team.lane) return;
    REAL log_sum = log(sum) + top;
    log_sums[row] = log_sum;
    long long target = classes[row];
    bool known = target >= 0 && target < number;
    if (!known && target != ignored) {
        flags[2 * slot] = 1;
        flags[2 * slot + 1] = target;
    }
    losses[row] = known && target != ignored ? log_sum - at[target * inner] : (REAL)0;
}

// One block: the sum or (mean) mean of the losses, and what each counts.  The order of additions is fixed.
extern "C" __global__ void class_loss_total(
    const REAL* __restrict__ losses, const long long* __restrict__ classes, REAL* loss, REAL* weight,
    long long ignored, int number, int mean, int rows) {
    __shared__ REAL sums[256];
    __shared__ int counts[256];
    int me = threadIdx.x;
    REAL sum = 0;
    int count = 0;
    for (int row = me; row < rows; row += 256) {
        long long target = classes[row];
        sum += losses[row];
        count += target >= 0 && target < number && target != ignored;
    }
    sums[me] = sum;
    counts[me] = count;
    __syncthreads();
    for (int step = 128; step; step /= 2) {
        if (me < step) {
            sums[me] += sums[me + step];
            counts[me] += counts[me + step];
        }
        __syncthreads();
    }
    if (me) return;
    REAL divisor = mean ? (REAL)counts[0] : (REAL)1;
    *loss = sums[0] / divisor;
    *weight = 1 / divisor;
}

// A thread for each element.  `each`: 1 if there is a gradient for every row, 0 if one serves all.
extern "C" __global__ void class_loss_backward(
    const REAL* __restrict__ g, const REAL* __restrict__ scores, const long long* __restrict__ classes,
    const REAL* __restrict__ log_sums, const REAL* __restrict__ weight, REAL* __restrict__ out, long long ignored,
    int each, int number, int inner, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int position = i % inner, c = i / inner % number, row = i / inner / number * inner + position;
    long long target = classes[row];
    REAL result = 0;
    if (target >= 0 && target < number && target != ignored)
        result = (exp(scores[i] - log_sums[row]) - (REAL)(c == target)) * g[each ? row : 0] * *weight;
    out[i] = result;
}
