// Element by element.
//
// Grid: a thread for each element, 256 in a block.  Bytes moved: both operands read, the result written once; the bound
// is memory bandwidth.

extern "C" __global__ void where_nonzero(
    const REAL* __restrict__ g, const REAL* __restrict__ y, REAL* __restrict__ out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = y[i] != 0 ? g[i] : (REAL)0;
}
