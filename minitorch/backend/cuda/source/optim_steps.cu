// Steps of optimizers over many parameters at once.
//
// Grid and block: (blocks of 256 threads, parameters of the table); each thread walks over its parameter's elements.
// Bytes moved, for n elements of b bytes: SGD 3 n b, with momentum 5 n b (parameter, gradient and buffer are read,
// two of them written), Adam 7 n b, with its largest second averages 9 n b: the least possible.
// Bound: memory bandwidth; for the parameters of small networks it is the one launch.

const int PARAMETERS = 32;

// Passed by value: addresses need no copy to the GPU of their own.
struct Table {
    REAL* param[PARAMETERS];
    REAL* grad[PARAMETERS];
    REAL* first[PARAMETERS];   // momentum buffers; averages of gradients
    REAL* second[PARAMETERS];  // averages of squares
    REAL* third[PARAMETERS];   // their largest values
    int size[PARAMETERS];
};

// `begins`: the buffer holds nothing yet; `buffered`: there is one.
extern "C" __global__ void sgd_steps(
    Table table, REAL lr, REAL momentum, REAL fresh, REAL weight_decay, int nesterov, int maximize, int begins,
    int buffered) {
    REAL* p = table.param[blockIdx.y];
    const REAL* grad = table.grad[blockIdx.y];
    REAL* buffer = table.first[blockIdx.y];
    int size = table.size[blockIdx.y];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
        REAL g = maximize ? -grad[i] : grad[i];
        if (weight_decay != 0) g += weight_decay * p[i];
        if (buffered) {
            REAL b = begins ? g : buffer[i] * momentum + g * fresh;
            buffer[i] = b;
            g = nesterov ? g + b * momentum : b;
        }
        p[i] -= g * lr;
    }
}

// `shrink`: what decoupled weight decay leaves of a parameter; `peaked`: the largest second average stands for it.
extern "C" __global__ void adam_steps(
    Table table, REAL step_size, REAL root_correction, REAL weight1, REAL beta2, REAL weight2, REAL eps,
    REAL weight_decay, REAL shrink, int maximize, int peaked) {
    REAL* p = table.param[blockIdx.y];
    const REAL* grad = table.grad[blockIdx.y];
    REAL* m = table.first[blockIdx.y];
    REAL* v = table.second[blockIdx.y];
    REAL* peak = table.third[blockIdx.y];
    int size = table.size[blockIdx.y];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
        REAL value = p[i] * shrink, g = maximize ? -grad[i] : grad[i];
        if (weight_decay != 0) g += weight_decay * value;
        // From the end that is nearer.
        REAL before = m[i], difference = g - before;
        REAL average = weight1 < (REAL)0.5 ? before + weight1 * difference : g - difference * (1 - weight1);
        REAL square = v[i] * beta2 + weight2 * g * g;
        m[i] = average;
        v[i] = square;
        if (peaked) {
            REAL top = peak[i];
            square = top > square || top != top ? top : square;
            peak[i] = square;
        }
        p[i] = value - step_size * average / (sqrt(square) / root_correction + eps);
    }
}
