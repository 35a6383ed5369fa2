// Random numbers in bulk, and dropout: each element is a function of a key and of its place, the same as on the CPU.
//
// Grid: fill_* and dropout_forward have a thread for each block of Philox4x64-10 (32 bytes: eight float elements, four
// double or integer ones), dropout_backward one for each element; 256 threads in a block.  A thread writes the 32 bytes
// beside each other that its block makes, in packs of 16 bytes: whole sectors.  Bytes moved: the numbers written once;
// dropout reads x and writes the result and one byte an element, which is read again in the backward pass beside the
// gradient.  The bound aimed at is memory bandwidth: the 20 products of 128 bits that make a block are some 270
// instructions on sm_90, 35 for each float, by which an H100 is as busy as by writing 4 bytes at 3 TB/s.
//
// Where sums and products make numbers, none may be fused: the CPU rounds each step on its own
// (backend/primitives/random_normal.py says which steps).

namespace philox {

typedef unsigned long long Word;

#ifdef __CUDACC__
__device__ inline Word upper_half(Word a, Word b) { return __umul64hi(a, b); }
__device__ inline float add(float a, float b) { return __fadd_rn(a, b); }
__device__ inline double add(double a, double b) { return __dadd_rn(a, b); }
__device__ inline float times(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double times(double a, double b) { return __dmul_rn(a, b); }
__device__ inline float over(float a, float b) { return __fdiv_rn(a, b); }
__device__ inline double over(double a, double b) { return __ddiv_rn(a, b); }
__device__ inline float root(float a) { return __fsqrt_rn(a); }
__device__ inline double root(double a) { return __dsqrt_rn(a); }
#else
__extension__ typedef unsigned __int128 Product;
static Word upper_half(Word a, Word b) { return (Word)((Product)a * b >> 64); }
template <class Real> Real add(Real a, Real b) { return a + b; }
template <class Real> Real times(Real a, Real b) { return a * b; }
template <class Real> Real over(Real a, Real b) { return a / b; }
template <class Real> Real root(Real a) { return sqrt(a); }
#endif

// Block number `block` of the key's stream.  Constants: Salmon et al. 2011, table 2 and section 3.3.
struct Block {
    Word word[4];

    __device__ Block(Word k0, Word k1, long long block) {
        Word c0 = (Word)block + 1, c1 = 0, c2 = 0, c3 = 0;
        for (int round = 0; round < 10; round++) {
            Word upper0 = upper_half(0xD2E7470EE14C6C93ull, c0), lower0 = 0xD2E7470EE14C6C93ull * c0;
            Word upper1 = upper_half(0xCA5A826395121157ull, c2), lower1 = 0xCA5A826395121157ull * c2;
            c0 = upper1 ^ c1 ^ k0;
            c1 = lower1;
            c2 = upper0 ^ c3 ^ k1;
            c3 = lower0;
            k0 += 0x9E3779B97F4A7C15ull;
            k1 += 0xBB67AE8584CAA73Bull;
        }
        word[0] = c0;
        word[1] = c1;
        word[2] = c2;
        word[3] = c3;
    }

    __device__ unsigned half(int i) const { return (unsigned)(word[i / 2] >> (i % 2 ? 32 : 0)); }
};

__device__ static long long thread_number() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; }

template <class To, class From>
__device__ To same_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "only between types of one size");
    To result;
    memcpy(&result, &value, sizeof(To));
    return result;
}

// What an array of N elements is copied by: in packs where the address allows it, none beyond `left`.
template <class T, int N>
struct Packs {
    static const int BYTES = sizeof(T) * N < 16 ? sizeof(T) * N : 16, EACH = BYTES / sizeof(T);
    struct alignas(BYTES) Pack {
        T value[EACH];
    };

    __device__ static bool whole(const T* memory, long long left) {
        return left >= N && (unsigned long long)memory % BYTES == 0;
    }

    __device__ static void store(T* memory, const T* values, long long left) {
        if (whole(memory, left)) {
            for (int i = 0; i < N / EACH; i++) {
                Pack pack;
                for (int j = 0; j < EACH; j++) pack.value[j] = values[i * EACH + j];
                reinterpret_cast<Pack*>(memory)[i] = pack;
            }
        } else {
            for (int i = 0; i < N; i++)
                if (i < left) memory[i] = values[i];
        }
    }

    __device__ static void load(const T* memory, T* values, long long left) {
        if (whole(memory, left)) {
            for (int i = 0; i < N / EACH; i++) {
                Pack pack = reinterpret_cast<const Pack*>(memory)[i];
                for (int j = 0; j < EACH; j++) values[i * EACH + j] = pack.value[j];
            }
        } else {
            for (int i = 0; i < N; i++) values[i] = i < left ? memory[i] : (T)0;
        }
    }
};

// ---- one precision: the bits of an element, the constants of random_normal.py

struct Single {
    typedef float Real;
    typedef int Signed;
    typedef unsigned Half;
    static const int BITS = 32, FRACTION = 23, U_BITS = 31, ROOT_HALF = 0x3f3504f3;

    __device__ static Half half(const Block& block, int i) { return block.half(i); }
    __device__ static float uniform(const Block& block, int i) { return times((float)(int)(half(block, i) >> 8), 0x1p-24f); }
    __device__ static float to_t() { return 0x1p-31f; }

    __device__ static float artanh(float z) {
        float p = times((float)(2 * 0.2958204740185556401), z);
        p = times(add(p, (float)(2 * 0.39988718863875902779)), z);
        return add(p, (float)(2 * 0.66666685265930143697));
    }
    __device__ static float sine(float z) {
        float p = times((float)-0.00003610933357832054914, z);
        p = times(add(p, (float)0.0024902199446890414716), z);
        return add(p, (float)-0.080745502505146143922);
    }
    __device__ static float cosine(float z) {
        float p = times((float)3.5419669591190003955e-6, z);
        p = times(add(p, (float)-0.00032596140169636446229), z);
        p = times(add(p, (float)0.015854338155327226701), z);
        return add(p, (float)-0.30842513734399993498);
    }
};

struct Double {
    typedef double Real;
    typedef long long Signed;
    typedef Word Half;
    static const int BITS = 64, FRACTION = 52, U_BITS = 53;
    static const long long ROOT_HALF = 0x3fe6a09e667f3bcdll;

    __device__ static Half half(const Block& block, int i) { return block.word[i]; }
    __device__ static double uniform(const Block& block, int i) {
        return times((double)(long long)(block.word[i] >> 11), 0x1p-53);
    }
    __device__ static double to_t() { return 0x1p-63; }

    __device__ static double artanh(double z) {
        double p = times(2 * 0.14617745369120123355, z);
        p = times(add(p, 2 * 0.15331607252648336979), z);
        p = times(add(p, 2 * 0.18182892908511971275), z);
        p = times(add(p, 2 * 0.22222211077131944718), z);
        p = times(add(p, 2 * 0.28571428626372368407), z);
        p = times(add(p, 2 * 0.39999999999898507549), z);
        return add(p, 2 * 0.66666666666666697266);
    }
    __device__ static double sine(double z) {
        double p = times(6.887487884376256858e-12, z);
        p = times(add(p, -1.7571791896413866336e-9), z);
        p = times(add(p, 3.1336165355571646806e-7), z);
        p = times(add(p, -0.00003657620417386548791), z);
        p = times(add(p, 0.0024903945701920080206), z);
        return add(p, -0.080745512188280771821);
    }
    __device__ static double cosine(double z) {
        double p = times(1.1384791203971269793e-10, z);
        p = times(add(p, -2.4610062578134595332e-8), z);
        p = times(add(p, 3.5908597715319673962e-6), z);
        p = times(add(p, -0.00032599188676879833002), z);
        p = times(add(p, 0.015854344243801913697), z);
        return add(p, -0.30842513753404226822);
    }
};

template <class Real> struct Precision;
template <> struct Precision<float> : Single {};
template <> struct Precision<double> : Double {};

// Two normal numbers of two halves.
template <class P>
__device__ void normal_pair(typename P::Half first, typename P::Half second, typename P::Real* pair) {
    typedef typename P::Real Real;
    typedef typename P::Signed Signed;
    typedef typename P::Half Half;
    Real u = add((Real)(Signed)(first >> (P::BITS - P::U_BITS)), (Real)0.5);
    Signed bits = same_bits<Signed>(u);
    Signed exponent = (bits - P::ROOT_HALF) >> P::FRACTION;
    Real m = same_bits<Real>((Signed)(bits - exponent * ((Signed)1 << P::FRACTION)));
    Real s = over(add(m, (Real)-1), add(m, (Real)1)), z = times(s, s);
    Real log = times(add(times(P::artanh(z), z), (Real)4), s);
    Real radius = root(add(times((Real)(Signed)(P::U_BITS - exponent), (Real)1.3862943611198906188), -log));
    Real t = times((Real)(Signed)(second << 2), P::to_t());
    z = times(t, t);
    Real cosine = add(times(P::cosine(z), z), (Real)1);
    Real sine = times(add(times(P::sine(z), z), (Real)0.78539816339744830962), t);
    bool odd = second >> (P::BITS - 2) & 1;
    Half top = (Half)1 << (P::BITS - 1);
    Half a = same_bits<Half>(odd ? sine : cosine) ^ ((second ^ (second << 1)) & top);
    Half b = same_bits<Half>(odd ? cosine : sine) ^ (second & top);
    pair[0] = times(radius, same_bits<Real>(a));
    pair[1] = times(radius, same_bits<Real>(b));
}

}  // namespace philox

extern "C" __global__ void fill_uniform(
    REAL* __restrict__ out, long long k0, long long k1, REAL low, REAL size, long long count) {
    using namespace philox;
    const int N = 32 / sizeof(REAL);
    long long number = thread_number(), begin = number * N;
    if (begin >= count) return;
    Block block(k0, k1, number);
    REAL values[N];
    for (int i = 0; i < N; i++) values[i] = add(times(Precision<REAL>::uniform(block, i), size), low);
    Packs<REAL, N>::store(out + begin, values, count - begin);
}

extern "C" __global__ void fill_normal(
    REAL* __restrict__ out, long long k0, long long k1, REAL mean, REAL std, long long count) {
    using namespace philox;
    typedef Precision<REAL> P;
    const int N = 32 / sizeof(REAL);
    long long number = thread_number(), begin = number * N;
    if (begin >= count) return;
    Block block(k0, k1, number);
    REAL values[N];
    for (int i = 0; i < N; i += 2) normal_pair<P>(P::half(block, i), P::half(block, i + 1), values + i);
    for (int i = 0; i < N; i++) values[i] = add(times(values[i], std), mean);
    Packs<REAL, N>::store(out + begin, values, count - begin);
}

extern "C" __global__ void fill_integers(
    long long* __restrict__ out, long long k0, long long k1, long long low, long long range, long long count) {
    using namespace philox;
    long long number = thread_number(), begin = number * 4;
    if (begin >= count) return;
    Block block(k0, k1, number);
    long long values[4];
    for (int i = 0; i < 4; i++) values[i] = (long long)(upper_half(block.word[i], range) + (Word)low);
    Packs<long long, 4>::store(out + begin, values, count - begin);
}

extern "C" __global__ void fill_bernoulli(
    unsigned char* __restrict__ out, long long k0, long long k1, long long limit, long long count) {
    using namespace philox;
    long long number = thread_number(), begin = number * 8;
    if (begin >= count) return;
    Block block(k0, k1, number);
    unsigned char values[8];
    for (int i = 0; i < 8; i++) values[i] = block.half(i) < (Word)limit;
    Packs<unsigned char, 8>::store(out + begin, values, count - begin);
}

extern "C" __global__ void dropout_forward(
    const REAL* __restrict__ x, REAL* __restrict__ out, unsigned char* __restrict__ kept, long long k0, long long k1,
    long long limit, REAL scale, long long count) {
    using namespace philox;
    long long number = thread_number(), begin = number * 8;
    if (begin >= count) return;
    Block block(k0, k1, number);
    REAL values[8];
    unsigned char mask[8];
    Packs<REAL, 8>::load(x + begin, values, count - begin);
    for (int i = 0; i < 8; i++) {
        mask[i] = block.half(i) < (Word)limit;
        values[i] *= mask[i] ? scale : (REAL)0;
    }
    Packs<REAL, 8>::store(out + begin, values, count - begin);
    Packs<unsigned char, 8>::store(kept + begin, mask, count - begin);
}

extern "C" __global__ void dropout_backward(
    const REAL* __restrict__ g, const unsigned char* __restrict__ kept, REAL* __restrict__ out, REAL scale,
    long long count) {
    long long i = philox::thread_number();
    if (i < count) out[i] = g[i] * (kept[i] ? scale : (REAL)0);
}
