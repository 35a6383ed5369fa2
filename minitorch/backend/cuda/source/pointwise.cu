// Element by element.
//
// Grid and block: a thread for each element, 256 a block.
// Bytes moved, for n elements of b bytes: 3 n b; both operands are read, the result is written.
// Bound: memory bandwidth.

extern "C" __global__ void where_nonzero(
    const REAL* __restrict__ g, const REAL* __restrict__ y, REAL* __restrict__ out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = y[i] != 0 ? g[i] : (REAL)0;
}
