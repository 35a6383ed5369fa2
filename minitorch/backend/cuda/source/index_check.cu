// A flag for indices out of range.  Threads that find a wrong index all write the same 1, and any of their values
// will do.
//
// Grid and block: a thread for each index, 256 a block.
// Bytes moved, for n indices of i bytes: n i; nothing is written if all is well.
// Bound: memory bandwidth; for the indices of one batch it is the launch.

template <class Index>
__device__ static void check(const Index* index, long long low, long long high, long long* flags, int slot, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    long long value = index[i];
    if (value < low || value >= high) {
        flags[2 * slot] = 1;
        flags[2 * slot + 1] = value;
    }
}

extern "C" __global__ void flag_outside_int(
    const int* __restrict__ index, long long low, long long high, long long* flags, int slot, int count) {
    check(index, low, high, flags, slot, count);
}

extern "C" __global__ void flag_outside_long(
    const long long* __restrict__ index, long long low, long long high, long long* flags, int slot, int count) {
    check(index, low, high, flags, slot, count);
}
