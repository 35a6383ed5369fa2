// Rows added at places that an index names, without atomics: the rows of one place lie together once sorted.
//
// Grid and block: a thread for each element of the rows, 256 a block, in the order that sorts the index.  The thread
// whose row is the first of its place adds all of that place's rows, in their original order; the others have
// nothing to do.
// Bytes moved, for r rows of l elements of b bytes at p places: (r + 2 p) l b + 16 r, places being read and written.
// Bound: memory bandwidth, unless nearly all rows go to one place: then a few threads do the work.

// `order` sorts `index` stably; `total`: (size, length), `values`: (rows, length), count = rows * length.
extern "C" __global__ void add_sorted_rows(
    const REAL* __restrict__ values, const long long* __restrict__ index, const long long* __restrict__ order,
    REAL* __restrict__ total, int size, int rows, int length, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int row = i / length, column = i % length;
    long long place = index[order[row]];
    if (row > 0 && index[order[row - 1]] == place) return;
    REAL sum = 0;
    for (int next = row; next < rows && index[order[next]] == place; next++)
        sum += values[order[next] * length + column];
    place %= size;  // out of range: a flag has told so already
    if (place < 0) place += size;
    total[place * length + column] += sum;
}
