// Cross-entropy with class numbers: (rows, classes) scores, or (rows, classes, inner) with `inner` positions a row.
//
// Grid: a warp for each row of scores that lie side by side; a thread for each where they lie apart (inner > 1), so that
// neighbours read neighbours.  256 threads a block.  Bytes moved forward: the scores twice, the second time from the
// cache (a row of up to some thousand classes stays there); backward: scores read, gradient written.  The bound is
// memory bandwidth; for the few classes of small networks it is the launch.

__device__ static REAL larger(REAL a, REAL b) { return a > b || a != a ? a : b; }  // NaN stays

// `losses`: each row's, 0 for one that does not count.  A class out of range sets a flag.
extern "C" __global__ void class_loss_rows(
    const REAL* __restrict__ scores, const long long* __restrict__ classes, REAL* __restrict__ losses,
    REAL* __restrict__ log_sums, long long* flags, int slot, long long ignored, int number, int inner, int lanes,
    int rows) {
    int thread = blockIdx.x * blockDim.x + threadIdx.x;
    int row = thread / lanes, lane = thread % lanes;
    bool inside = row < rows;  // threads beyond the last row stay for the shuffles
    int outer = inside ? row / inner : 0, position = inside ? row % inner : 0;
    const REAL* at = scores + (long long)outer * number * inner + position;
    REAL largest = inside ? at[0] : (REAL)0;
    if (inside)
        for (int c = lane; c < number; c += lanes) largest = larger(at[(long long)c * inner], largest);
    for (int step = lanes / 2; step; step /= 2) largest = larger(__shfl_xor_sync(0xffffffffu, largest, step), largest);
    REAL sum = 0;
    if (inside)
        for (int c = lane; c < number; c += lanes) sum += exp(at[(long long)c * inner] - largest);
    for (int step = lanes / 2; step; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (!inside || lane) return;
    REAL log_sum = log(sum) + largest;
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
