// Threads that work on one row together: what kernels share that reduce rows.
//
// A row's elements lie side by side, and a part of a warp, a warp or a block walks over them; or they lie apart, and a
// block takes 32 rows that are neighbours, a warp's width of them with each step, so that neighbours read neighbours.

#ifndef TEAMS
#define TEAMS

const int KEPT = 8;  // elements of its row that a thread keeps in registers; it reads the others again, from the cache

struct Plus {
    __device__ REAL operator()(REAL a, REAL b) const { return a + b; }
};

struct Larger {
    __device__ REAL operator()(REAL a, REAL b) const { return a > b || a != a ? a : b; }  // NaN stays
};

struct Team {
    int row, lane, lanes;  // the row may be one beyond the last: its threads stay for the others
    bool across;

    // `threads`: of a row that lies side by side, a power of two up to 32 or the whole block.  `apart`: one that does not.
    __device__ Team(int threads, bool apart) {
        int me = threadIdx.x;
        across = apart;
        lanes = across ? blockDim.x / 32 : threads;
        lane = across ? me / 32 : me % lanes;
        row = blockIdx.x * (blockDim.x / lanes) + (across ? me % 32 : me / lanes);
    }

    // Joins the values of all threads of the row, in an order that their number alone decides; each thread gets it.
    template <class Join>
    __device__ REAL joined(REAL value, Join join) const {
        __shared__ REAL shown[8][32];  // of a block of up to 256 threads
        int warp = threadIdx.x / 32, place = threadIdx.x % 32;
        if (!across)
            for (int step = (lanes < 32 ? lanes : 32) / 2; step; step /= 2)
                value = join(value, __shfl_xor_sync(0xffffffffu, value, step));
        if (!across && lanes <= 32) return value;
        shown[warp][place] = value;
        __syncthreads();
        value = shown[0][place];
        for (int i = 1; i < (int)blockDim.x / 32; i++) value = join(value, shown[i][place]);
        __syncthreads();
        return value;
    }

    __device__ REAL sum(REAL value) const { return joined(value, Plus()); }
    __device__ REAL largest(REAL value) const { return joined(value, Larger()); }
};

// The sum of exp(x - top) where the largest element `top` is found on the way (Milakov and Gimelshein 2018, "Online
// normalizer calculation for softmax", section 3).  It begins with any element of the row as `top`, and 0.
struct OnlineSum {
    REAL top, sum;

    __device__ void add(REAL value) {
        if (value > top || value != value) {  // NaN stays at the top
            sum = sum * exp(top - value) + 1;
            top = value;
        } else {
            sum += value == top ? (REAL)1 : exp(value - top);  // equal infinities have no difference
        }
    }

    // The sum of exp(x - other), where `other` is the largest element of the row; NaN if that is infinite.
    __device__ REAL sum_below(REAL other) const { return sum * exp(top - other); }
};

#endif
