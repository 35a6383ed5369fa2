// CUDA C as host C++: the threads of a block run one after the other, in lock step between barriers.
//
// Each thread is a fiber that runs until it ends or waits; at __syncthreads() for the block, in a shuffle for its warp.
// A barrier that some threads never reach, or shuffles that meet in part of a warp, end the program with a message.
#undef _FORTIFY_SOURCE  // it takes jumps between stacks for a mistake
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __shared__ static
#define __launch_bounds__(...)

struct Place {
    unsigned x, y, z;
};
static Place threadIdx, blockIdx, blockDim, gridDim;

namespace shim {

enum State { READY, AT_BLOCK, AT_WARP, DONE };
struct Fiber {
    ucontext_t context;  // to begin with
    jmp_buf place_in_code;  // to go on: without a system call, many times faster than swapcontext
    bool begun = false;
    char* stack = nullptr;
    State state = DONE;
    Place place;
    unsigned shuffles = 0;
};
static std::vector<Fiber> fibers;
static jmp_buf scheduler;
static unsigned running;
static void (*body)(void*);
static void* arguments;
static char exchanged[2][1024][16];  // what each thread shows its warp, in this shuffle and the one before
static const size_t STACK = 1 << 17;

[[noreturn]] static void fail(const char* what) {
    fprintf(stderr, "host_shim: %s\n", what);
    abort();
}

static void wait_as(State state) {
    fibers[running].state = state;
    if (!_setjmp(fibers[running].place_in_code)) _longjmp(scheduler, 1);
}

static void start() {
    body(arguments);
    fibers[running].state = DONE;
    _longjmp(scheduler, 1);
}

static void go_on(unsigned i) {
    running = i;
    threadIdx = fibers[i].place;
    if (_setjmp(scheduler)) return;
    if (fibers[i].begun) _longjmp(fibers[i].place_in_code, 1);
    fibers[i].begun = true;
    setcontext(&fibers[i].context);
}

// Lets threads that wait go on if all whom they wait for are there; false if nobody could.
static bool release(unsigned count) {
    bool any = false, all_wait = true, some_done = false;
    for (unsigned i = 0; i < count; i++) {
        all_wait = all_wait && (fibers[i].state == AT_BLOCK || fibers[i].state == DONE);
        some_done = some_done || fibers[i].state == DONE;
    }
    if (all_wait) {
        if (some_done) fail("a thread ended before a __syncthreads() that others wait at");
        for (unsigned i = 0; i < count; i++) fibers[i].state = READY;
        return true;
    }
    for (unsigned first = 0; first < count; first += 32) {
        unsigned last = std::min(first + 32, count);
        bool whole = true;
        for (unsigned i = first; i < last; i++) whole = whole && fibers[i].state == AT_WARP;
        for (unsigned i = first; whole && i < last; i++) {
            fibers[i].state = READY;
            any = true;
        }
    }
    return any;
}

static void run_block(unsigned count) {
    if (fibers.size() < count) fibers.resize(count);
    for (unsigned i = 0; i < count; i++) {
        Fiber& f = fibers[i];
        if (!f.stack) f.stack = (char*)malloc(STACK);
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack;
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = nullptr;
        makecontext(&f.context, start, 0);
        f.state = READY;
        f.begun = false;
        f.shuffles = 0;
        f.place = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    }
    for (;;) {
        unsigned done = 0;
        for (unsigned i = 0; i < count; i++) {
            if (fibers[i].state == READY) go_on(i);
            done += fibers[i].state == DONE;
        }
        if (done == count) return;
        if (!release(count)) fail("threads wait for others that will not come");
    }
}

// `fibers_needed`: 0 for a source without barriers, whose threads can run straight through.
static void run(const unsigned* grid, const unsigned* block, int fibers_needed, void (*function)(void*), void* given) {
    body = function;
    arguments = given;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    unsigned count = block[0] * block[1] * block[2];
    if (count > 1024) fail("more than 1024 threads in a block");
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                if (fibers_needed) {
                    run_block(count);
                    continue;
                }
                for (unsigned i = 0; i < count; i++) {
                    threadIdx = {i % block[0], i / block[0] % block[1], i / block[0] / block[1]};
                    function(given);
                }
            }
}

template <class T>
T shuffle(unsigned mask, T value, unsigned partner) {
    if (mask != 0xffffffffu) fail("a shuffle of part of a warp");
    unsigned me = running, turn = fibers[me].shuffles++ & 1;
    memcpy(exchanged[turn][me], &value, sizeof(T));
    wait_as(AT_WARP);
    unsigned other = (me & ~31u) + partner;
    if (other < (unsigned)(blockDim.x * blockDim.y * blockDim.z)) memcpy(&value, exchanged[turn][other], sizeof(T));
    return value;
}

}  // namespace shim

[[maybe_unused]] static void __syncthreads() { shim::wait_as(shim::AT_BLOCK); }
[[maybe_unused]] static void __threadfence() {}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    return shim::shuffle(mask, value, (shim::running & 31u) ^ (unsigned)lanes);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
    return shim::shuffle(mask, value, (unsigned)lane & 31u);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes) {
    unsigned lane = shim::running & 31u;
    return shim::shuffle(mask, value, lane + lanes < 32 ? lane + lanes : lane);
}
