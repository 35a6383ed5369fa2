// Pooling over windows of two spatial dimensions; those of one are two with a height of one.  Backward gathers: the
// thread of an input element adds what the windows that cover it send back, in the order of the outputs.  No atomics,
// so every run gives the same bits.
//
// Grid and block: a thread for each element that is written, 256 a block.
// Bytes moved, for an input of x and an output of y bytes whose elements have b: x + y each way; the maximum's
// places are y / b (taps) or 8 y / b (indices) more.  Windows that overlap find their elements in the cache.
// Bound: memory bandwidth.

struct Windows {
    int height, width, out_height, out_width;
    int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
};

// The first output whose window reaches coordinate `at`, and the last: windows start `stride` apart, `pad` before 0.
__device__ static int first_window(int at, int pad, int extent, int stride) {
    int reached = at + pad - extent + 1;  // the earliest start of a window that covers `at`
    return reached <= 0 ? 0 : (reached + stride - 1) / stride;
}

__device__ static int last_window(int at, int pad, int stride, int count) {
    int last = (at + pad) / stride;
    return last < count ? last : count - 1;
}

// `codes`: the number of the tap that won, row-major; `flat`: its index in the plane.  Either may be absent (null).
extern "C" __global__ void max_pool_forward(
    const REAL* __restrict__ x, REAL* __restrict__ y, unsigned char* __restrict__ codes, long long* __restrict__ flat,
    Windows w, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int ox = i % w.out_width, oy = i / w.out_width % w.out_height, plane = i / w.out_width / w.out_height;
    const REAL* source = x + (long long)plane * w.height * w.width;
    REAL best = 0;
    int tap = -1, place = 0;
    for (int ky = 0; ky < w.kernel_y; ky++) {
        int sy = oy * w.stride_y - w.pad_y + ky * w.dilation_y;
        if (sy < 0 || sy >= w.height) continue;
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int sx = ox * w.stride_x - w.pad_x + kx * w.dilation_x;
            if (sx < 0 || sx >= w.width) continue;
            REAL value = source[sy * w.width + sx];
            // The first of equal elements wins; NaN wins over all before it.
            if (tap < 0 || value > best || value != value) {
                best = value;
                tap = ky * w.kernel_x + kx;
                place = sy * w.width + sx;
            }
        }
    }
    y[i] = best;
    if (codes) codes[i] = (unsigned char)tap;
    if (flat) flat[i] = place;
}

// `gy` and `codes`: (planes, out_height, out_width); `gx`: (planes, height, width), all of it written.
extern "C" __global__ void max_pool_backward(
    const REAL* __restrict__ gy, const unsigned char* __restrict__ codes, REAL* __restrict__ gx, Windows w, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int sx = i % w.width, sy = i / w.width % w.height, plane = i / w.width / w.height;
    long long base = (long long)plane * w.out_height * w.out_width;
    int extent_y = (w.kernel_y - 1) * w.dilation_y + 1, extent_x = (w.kernel_x - 1) * w.dilation_x + 1;
    int last_y = last_window(sy, w.pad_y, w.stride_y, w.out_height);
    int last_x = last_window(sx, w.pad_x, w.stride_x, w.out_width);
    REAL sum = 0;
    for (int oy = first_window(sy, w.pad_y, extent_y, w.stride_y); oy <= last_y; oy++) {
        int ty = sy + w.pad_y - oy * w.stride_y;
        if (ty % w.dilation_y) continue;
        for (int ox = first_window(sx, w.pad_x, extent_x, w.stride_x); ox <= last_x; ox++) {
            int tx = sx + w.pad_x - ox * w.stride_x;
            if (tx % w.dilation_x) continue;
            int tap = ty / w.dilation_y * w.kernel_x + tx / w.dilation_x;
            long long at = base + oy * w.out_width + ox;
            if (codes[at] == tap) sum += gy[at];
        }
    }
    gx[i] = sum;
}

// How many elements the mean of a window counts along one dimension; with `padded` the padding counts, though not what
// lies beyond it.  `end`: the size with the padding behind.
__device__ static int counted(int start, int kernel, int size, int end, int padded) {
    int stop = start + kernel < end ? start + kernel : end;
    if (!padded) {
        if (start < 0) start = 0;
        if (stop > size) stop = size;
    }
    return stop - start;
}

__device__ static REAL divisor_of(const Windows& w, int oy, int ox, int end_y, int end_x, int padded, int divisor) {
    if (divisor) return (REAL)divisor;
    return (REAL)counted(oy * w.stride_y - w.pad_y, w.kernel_y, w.height, end_y, padded) *
           (REAL)counted(ox * w.stride_x - w.pad_x, w.kernel_x, w.width, end_x, padded);
}

// `divisor`: what to divide by; 0: the number of elements.
extern "C" __global__ void avg_pool_forward(
    const REAL* __restrict__ x, REAL* __restrict__ y, Windows w, int end_y, int end_x, int padded, int divisor,
    int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int ox = i % w.out_width, oy = i / w.out_width % w.out_height, plane = i / w.out_width / w.out_height;
    const REAL* source = x + (long long)plane * w.height * w.width;
    REAL sum = 0;
    for (int ky = 0; ky < w.kernel_y; ky++) {
        int sy = oy * w.stride_y - w.pad_y + ky;
        if (sy < 0 || sy >= w.height) continue;
        for (int kx = 0; kx < w.kernel_x; kx++) {
            int sx = ox * w.stride_x - w.pad_x + kx;
            if (sx >= 0 && sx < w.width) sum += source[sy * w.width + sx];
        }
    }
    y[i] = sum / divisor_of(w, oy, ox, end_y, end_x, padded, divisor);
}

extern "C" __global__ void avg_pool_backward(
    const REAL* __restrict__ gy, REAL* __restrict__ gx, Windows w, int end_y, int end_x, int padded, int divisor,
    int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int sx = i % w.width, sy = i / w.width % w.height, plane = i / w.width / w.height;
    const REAL* source = gy + (long long)plane * w.out_height * w.out_width;
    int last_y = last_window(sy, w.pad_y, w.stride_y, w.out_height);
    int last_x = last_window(sx, w.pad_x, w.stride_x, w.out_width);
    REAL sum = 0;
    for (int oy = first_window(sy, w.pad_y, w.kernel_y, w.stride_y); oy <= last_y; oy++)
        for (int ox = first_window(sx, w.pad_x, w.kernel_x, w.stride_x); ox <= last_x; ox++)
            sum += source[oy * w.out_width + ox] / divisor_of(w, oy, ox, end_y, end_x, padded, divisor);
    gx[i] = sum;
}
