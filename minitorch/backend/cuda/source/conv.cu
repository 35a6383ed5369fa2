// Convolution of one or two spatial dimensions as products of matrices that are never written out: a thread reads
// the element that the column matrix would have from the image itself.  All sums are taken in a fixed order.
//
// Grid and block: 256 threads for each tile of 32 rows and 64 columns of the result, per group (and, for the
// weight's gradient, per part of the depth); each thread has 2 x 4 sums in registers, and both operands pass through
// shared memory 16 deep.
// Bytes moved, for an input of x, a weight of w and an output of y bytes: x + w + y at the least, the weight's
// gradient with p parts 2 p w more for p > 1.  For each tile and step of the depth (32 + 64) elements are read for 2
// x 32 x 64 operations, from the L2 cache where tiles overlap.
// Bound: arithmetic without tensor cores; for few channels memory bandwidth.

const int TILE_M = 32, TILE_N = 64, TILE_K = 16, PER_M = 2, PER_N = 4;

struct Geometry {
    int images, channels, outputs, groups;  // channels and outputs of one group
    int height, width, out_height, out_width;
    int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
};

// result(m, n) = sum over k in [begin, end) of a(m, k) b(k, n); `store` takes (m, n, sum) inside the result.
template <class A, class B, class Store>
__device__ static void product(int rows, int columns, int begin, int end, A a, B b, Store store) {
    __shared__ REAL left[TILE_K][TILE_M + 1];
    __shared__ REAL right[TILE_K][TILE_N + 1];
    int me = threadIdx.x, first_m = blockIdx.y * TILE_M, first_n = blockIdx.x * TILE_N;
    int m = me / (TILE_N / PER_N) * PER_M, n = me % (TILE_N / PER_N);
    REAL sums[PER_M][PER_N] = {};
    for (int k0 = begin; k0 < end; k0 += TILE_K) {
        for (int i = me; i < TILE_K * TILE_M; i += 256) {
            int k = i % TILE_K, row = i / TILE_K;
            left[k][row] = first_m + row < rows && k0 + k < end ? a(first_m + row, k0 + k) : (REAL)0;
        }
        for (int i = me; i < TILE_K * TILE_N; i += 256) {
            int k = i / TILE_N, column = i % TILE_N;
            right[k][column] = first_n + column < columns && k0 + k < end ? b(k0 + k, first_n + column) : (REAL)0;
        }
        __syncthreads();
        for (int k = 0; k < TILE_K; k++)
            for (int i = 0; i < PER_M; i++)
                for (int j = 0; j < PER_N; j++) sums[i][j] += left[k][m + i] * right[k][n + j * (TILE_N / PER_N)];
        __syncthreads();
    }
    for (int i = 0; i < PER_M; i++)
        for (int j = 0; j < PER_N; j++) {
            int row = first_m + m + i, column = first_n + n + j * (TILE_N / PER_N);
            if (row < rows && column < columns) store(row, column, sums[i][j]);
        }
}

// The element of a channel's plane that tap (ky, kx) of output (oy, ox) reads; 0 in the padding.
__device__ static REAL read(const REAL* plane, const Geometry& g, int oy, int ox, int ky, int kx) {
    int y = oy * g.stride_y - g.pad_y + ky * g.dilation_y, x = ox * g.stride_x - g.pad_x + kx * g.dilation_x;
    return y >= 0 && y < g.height && x >= 0 && x < g.width ? plane[y * g.width + x] : (REAL)0;
}

// Rows: outputs of a group; columns: positions of all images; depth: channels and taps.
extern "C" __global__ void conv_forward(
    const REAL* __restrict__ x, const REAL* __restrict__ weight, const REAL* __restrict__ bias, REAL* __restrict__ out,
    Geometry g) {
    int group = blockIdx.z, taps = g.kernel_y * g.kernel_x, depth = g.channels * taps;
    int positions = g.out_height * g.out_width;
    long long plane = (long long)g.height * g.width;
    const REAL* weights = weight + (long long)group * g.outputs * depth;
    product(
        g.outputs, g.images * positions, 0, depth, [=](int m, int k) { return weights[(long long)m * depth + k]; },
        [=](int k, int n) {
            int image = n / positions, at = n % positions, tap = k % taps;
            long long channel = ((long long)image * g.groups + group) * g.channels + k / taps;
            return read(
                x + channel * plane, g, at / g.out_width, at % g.out_width, tap / g.kernel_x, tap % g.kernel_x);
        },
        [=](int m, int n, REAL sum) {
            int output = group * g.outputs + m;
            long long channel = (long long)(n / positions) * g.groups * g.outputs + output;
            out[channel * positions + n % positions] = bias ? sum + bias[output] : sum;
        });
}

// Rows: channels of a group; columns: elements of all images; depth: outputs and taps.
extern "C" __global__ void conv_input_grad(
    const REAL* __restrict__ gy, const REAL* __restrict__ weight, REAL* __restrict__ gx, Geometry g) {
    int group = blockIdx.z, taps = g.kernel_y * g.kernel_x, elements = g.height * g.width;
    long long positions = (long long)g.out_height * g.out_width;
    product(
        g.channels, g.images * elements, 0, g.outputs * taps,
        [=](int m, int k) {
            return weight[(((long long)group * g.outputs + k / taps) * g.channels + m) * taps + k % taps];
        },
        [=](int k, int n) {
            int image = n / elements, at = n % elements, tap = k % taps;
            int y = at / g.width + g.pad_y - tap / g.kernel_x * g.dilation_y;
            int x = at % g.width + g.pad_x - tap % g.kernel_x * g.dilation_x;
            if (y < 0 || x < 0 || y % g.stride_y || x % g.stride_x) return (REAL)0;
            y /= g.stride_y;
            x /= g.stride_x;
            if (y >= g.out_height || x >= g.out_width) return (REAL)0;
            long long output = ((long long)image * g.groups + group) * g.outputs + k / taps;
            return gy[output * positions + y * g.out_width + x];
        },
        [=](int m, int n, REAL sum) {
            long long channel = ((long long)(n / elements) * g.groups + group) * g.channels + m;
            gx[channel * elements + n % elements] = sum;
        });
}

// Rows: outputs of a group; columns: channels and taps; depth: positions of all images, of which block z takes one part
// of `parts`.  `partial`: (parts, groups, outputs, channels, taps).
extern "C" __global__ void conv_weight_grad(
    const REAL* __restrict__ x, const REAL* __restrict__ gy, REAL* __restrict__ partial, Geometry g, int parts) {
    int group = blockIdx.z % g.groups, part = blockIdx.z / g.groups, taps = g.kernel_y * g.kernel_x;
    int positions = g.out_height * g.out_width, depth = g.images * positions, columns = g.channels * taps;
    int share = (depth + parts - 1) / parts, begin = part * share, end = begin + share < depth ? begin + share : depth;
    long long plane = (long long)g.height * g.width;
    product(
        g.outputs, columns, begin, end,
        [=](int m, int k) {
            long long output = ((long long)(k / positions) * g.groups + group) * g.outputs + m;
            return gy[output * positions + k % positions];
        },
        [=](int k, int n) {
            int image = k / positions, at = k % positions, tap = n % taps;
            long long channel = ((long long)image * g.groups + group) * g.channels + n / taps;
            return read(
                x + channel * plane, g, at / g.out_width, at % g.out_width, tap / g.kernel_x, tap % g.kernel_x);
        },
        [=](int m, int n, REAL sum) {
            partial[(((long long)part * g.groups + group) * g.outputs + m) * columns + n] = sum;
        });
}

// Adds the parts, in their order: a thread for each of `count` elements of the weight.
extern "C" __global__ void sum_parts(const REAL* __restrict__ partial, REAL* __restrict__ out, int parts, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    REAL sum = 0;
    for (int part = 0; part < parts; part++) sum += partial[(long long)part * count + i];
    out[i] = sum;
}
