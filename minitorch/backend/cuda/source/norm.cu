// Normalisation: of rows that lie side by side (layer, group, instance and root-mean-square norm), and of channels
// of (images, channels, inner) (batch norm).  All sums are taken in a fixed order.
//
// Grid and block: rows as in softmax.cu.  Channels: (channels, parts) blocks of 256 threads, or, where a channel's
// elements lie apart (inner = 1), a block for 32 channels.
// Bytes moved, for n elements of b bytes: rows forward 2 n b, backward 3 n b, the least possible, and up to n b and
// 2 n b more from the L2 cache for rows above 2,048 elements; gradients of weight and bias of layer norm up to n b / 2
// more (parts), of the others and of longer rows 2 n b.  Channels forward 3 n b, backward 5 n b: what is summed is read
// once more for the result, from the L2 cache where it fits there.  By given statistics 2 n b.  What there is per row
// or channel is left out.
// Bound: memory bandwidth; for small layers it is the launch.

#include "teams.cuh"

// Number, sum and sum of squared differences from the mean of what has been added; pieces of KEPT numbers are joined as
// in Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
struct Moments {
    bool centred;  // otherwise `squares` are those of the numbers themselves
    REAL number, sum, squares;

    __device__ void add(const REAL* piece, int size) {
        if (!size) return;
        REAL total = 0, apart = 0;
#pragma unroll
        for (int k = 0; k < KEPT; k++) total += k < size ? piece[k] : (REAL)0;
        REAL mean = centred ? total / size : (REAL)0;
#pragma unroll
        for (int k = 0; k < KEPT; k++) apart += k < size ? (piece[k] - mean) * (piece[k] - mean) : (REAL)0;
        REAL step = centred && number > 0 ? mean - sum / number : (REAL)0;
        squares += apart + step * step * (number * size / (number + size));
        sum += total;
        number += size;
    }

    // The squared differences from another mean.
    __device__ REAL squares_from(REAL mean) const {
        REAL step = centred && number > 0 ? sum / number - mean : (REAL)0;
        return squares + number * step * step;
    }
};

// ---- rows

// Which element of weight and bias belongs to element j of a row: they are (groups, per), each for `inner` neighbours.
struct Affine {
    int groups, per, inner;

    __device__ int at(int row, int j) const {
        return row % groups * per + (per == 1 ? 0 : inner == 1 ? j : j / inner);
    }
};

// `mean`: null if only the root of the mean square counts.  Weight and bias may be null.
extern "C" __global__ void __launch_bounds__(256) standardize_rows(
    const REAL* __restrict__ x, const REAL* __restrict__ weight, const REAL* __restrict__ bias,
    REAL* __restrict__ out, REAL* __restrict__ mean, REAL* __restrict__ var, REAL* __restrict__ invstd, REAL eps,
    Affine affine, int lanes, int length, int rows) {
    Team team(lanes, false);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1, turn = KEPT * lanes;
    const REAL* from = x + (long long)row * length;
    auto take = [&](int first, REAL* piece) {
        int size = 0;
#pragma unroll
        for (int k = 0; k < KEPT; k++)
            if (first + k * lanes < length) {
                piece[k] = from[first + k * lanes];
                size++;
            }
        return size;
    };
    Moments moments = {mean != nullptr, 0, 0, 0};
    REAL kept[KEPT] = {};
    moments.add(kept, take(team.lane, kept));
    for (int first = team.lane + turn; first < length; first += turn) {
        REAL piece[KEPT] = {};
        moments.add(piece, take(first, piece));
    }
    REAL middle = mean ? team.sum(moments.sum) / length : (REAL)0;
    REAL variance = team.sum(moments.squares_from(middle)) / length, scale = 1 / sqrt(variance + eps);
    if (!inside) return;
    if (!team.lane) {
        if (mean) mean[row] = middle;
        var[row] = variance;
        invstd[row] = scale;
    }
    auto store = [&](int j, REAL value) {
        int a = affine.at(row, j);
        value = (value - middle) * scale;
        if (weight) value *= weight[a];
        out[(long long)row * length + j] = bias ? value + bias[a] : value;
    };
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * lanes < length) store(team.lane + k * lanes, kept[k]);
    for (int j = team.lane + turn; j < length; j += lanes) store(j, from[j]);
}

// The gradient by x; with x less its mean, s = 1 / std and w the weight: s w g - x s^3 mean(w g x) - s mean(w g).
extern "C" __global__ void __launch_bounds__(256) standardize_rows_backward(
    const REAL* __restrict__ g, const REAL* __restrict__ x, const REAL* __restrict__ weight,
    const REAL* __restrict__ mean, const REAL* __restrict__ invstd, REAL* __restrict__ gx, Affine affine, int lanes,
    int length, int rows) {
    Team team(lanes, false);
    bool inside = team.row < rows;
    int row = inside ? team.row : rows - 1, turn = KEPT * lanes;
    long long begin = (long long)row * length;
    REAL middle = mean ? mean[row] : (REAL)0, scale = invstd[row];
    auto slope = [&](int j) { return weight ? g[begin + j] * weight[affine.at(row, j)] : g[begin + j]; };
    REAL slopes[KEPT] = {}, kept[KEPT] = {}, total = 0, along = 0;
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * lanes < length) {
            slopes[k] = slope(team.lane + k * lanes);
            kept[k] = x[begin + team.lane + k * lanes] - middle;
        }
#pragma unroll
    for (int k = 0; k < KEPT; k++) {
        total += slopes[k];
        along += slopes[k] * kept[k];
    }
    for (int j = team.lane + turn; j < length; j += lanes) {
        REAL here = slope(j);
        total += here;
        along += here * (x[begin + j] - middle);
    }
    total = mean ? team.sum(total) / length : (REAL)0;
    along = team.sum(along) / length * scale * scale;
    if (!inside) return;
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * lanes < length)
            gx[begin + team.lane + k * lanes] = (slopes[k] - total - kept[k] * along) * scale;
    for (int j = team.lane + turn; j < length; j += lanes)
        gx[begin + j] = (slope(j) - total - (x[begin + j] - middle) * along) * scale;
}

// The same for layer norm, where weight and bias have an element for each of a row's, of which a thread has at most
// KEPT.  A team takes every row `teams` after the one before and adds up what they give to weight and bias: `partial`,
// (teams, 2, length).
extern "C" __global__ void __launch_bounds__(256) standardize_layer_backward(
    const REAL* __restrict__ g, const REAL* __restrict__ x, const REAL* __restrict__ weight,
    const REAL* __restrict__ mean, const REAL* __restrict__ invstd, REAL* __restrict__ gx, REAL* __restrict__ partial,
    int lanes, int length, int rows, int teams) {
    Team team(lanes, false);
    REAL factor[KEPT] = {}, by_weight[KEPT] = {}, by_bias[KEPT] = {};
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * lanes < length) factor[k] = weight[team.lane + k * lanes];
    for (int first = 0; first < rows; first += teams) {  // as often for every thread, as they join sums
        bool inside = team.row < teams && first + team.row < rows;
        int row = inside ? first + team.row : 0;
        long long begin = (long long)row * length + team.lane;
        REAL middle = mean ? mean[row] : (REAL)0, scale = invstd[row];
        REAL slopes[KEPT] = {}, kept[KEPT] = {}, total = 0, along = 0;
#pragma unroll
        for (int k = 0; k < KEPT; k++)
            if (team.lane + k * lanes < length) {
                slopes[k] = g[begin + k * lanes];
                kept[k] = (x[begin + k * lanes] - middle) * scale;
            }
#pragma unroll
        for (int k = 0; k < KEPT; k++) {
            total += slopes[k] * factor[k];
            along += slopes[k] * factor[k] * kept[k];
        }
        total = mean ? team.sum(total) / length : (REAL)0;
        along = team.sum(along) / length;
        if (!inside) continue;
#pragma unroll
        for (int k = 0; k < KEPT; k++) {
            by_weight[k] += slopes[k] * kept[k];
            by_bias[k] += slopes[k];
            if (team.lane + k * lanes < length)
                gx[begin + k * lanes] = (slopes[k] * factor[k] - total - kept[k] * along) * scale;
        }
    }
    if (team.row >= teams) return;
    REAL* to = partial + (long long)team.row * 2 * length + team.lane;
#pragma unroll
    for (int k = 0; k < KEPT; k++)
        if (team.lane + k * lanes < length) {
            to[k * lanes] = by_weight[k];
            to[length + k * lanes] = by_bias[k];
        }
}

// ---- channels

struct View {
    int images, channels, inner;
};

// One thread's share of a channel: of the part blockIdx.y of gridDim.y of its elements, image after image.
struct Walk {
    Team team;
    bool inside;
    int channel, position, image, left;  // where it is, and how many elements from here on there are in the part
    int images_on, positions_on;         // how far a step goes
    View view;

    __device__ static int share(const View& v, int parts) { return (v.images * v.inner + parts - 1) / parts; }

    // The number of elements of a part; none is empty.
    __device__ static int size(const View& v, int part, int parts) {
        int each = share(v, parts), rest = v.images * v.inner - part * each;
        return rest < each ? rest : each;
    }

    __device__ explicit Walk(const View& v) : team(blockDim.x, v.inner == 1), view(v) {
        inside = team.row < v.channels;
        channel = inside ? team.row : v.channels - 1;
        int begin = blockIdx.y * share(v, gridDim.y) + team.lane;
        left = size(v, blockIdx.y, gridDim.y) - team.lane;
        image = begin / v.inner;
        position = begin % v.inner;
        images_on = team.lanes / v.inner;
        positions_on = team.lanes % v.inner;
    }

    __device__ bool more() const { return left > 0; }
    __device__ int at() const { return (image * view.channels + channel) * view.inner + position; }

    __device__ void next() {
        left -= team.lanes;
        image += images_on;
        position += positions_on;
        if (position >= view.inner) {
            position -= view.inner;
            image++;
        }
    }
};

// `partial`: (parts, 2, channels): sum, and squared differences from the part's own mean.
extern "C" __global__ void channel_moments(const REAL* __restrict__ x, REAL* __restrict__ partial, View view) {
    Walk walk(view);
    Moments moments = {true, 0, 0, 0};
    while (walk.more()) {
        REAL piece[KEPT] = {};
        int size = 0;
#pragma unroll
        for (int k = 0; k < KEPT; k++)
            if (walk.more()) {
                piece[k] = x[walk.at()];
                size++;
                walk.next();
            }
        moments.add(piece, size);
    }
    REAL sum = walk.team.sum(moments.sum), number = Walk::size(view, blockIdx.y, gridDim.y);
    REAL squares = walk.team.sum(moments.squares_from(sum / number));
    if (!walk.inside || walk.team.lane) return;
    REAL* to = partial + (long long)blockIdx.y * 2 * view.channels + walk.channel;
    to[0] = sum;
    to[view.channels] = squares;
}

// Joins the moments of `parts` parts; all other arrays are (channels,).
extern "C" __global__ void standardize_channels(
    const REAL* __restrict__ x, const REAL* __restrict__ weight, const REAL* __restrict__ bias,
    const REAL* __restrict__ partial, REAL* __restrict__ out, REAL* __restrict__ mean, REAL* __restrict__ var,
    REAL* __restrict__ invstd, REAL eps, View view, int parts) {
    Walk walk(view);
    int c = walk.channel;
    Moments moments = {true, 0, 0, 0};
    for (int part = 0; part < parts; part++) moments.sum += partial[(long long)part * 2 * view.channels + c];
    moments.number = (REAL)view.images * view.inner;
    REAL middle = moments.sum / moments.number, squares = 0;
    for (int part = 0; part < parts; part++) {
        const REAL* from = partial + (long long)part * 2 * view.channels + c;
        Moments own = {true, (REAL)Walk::size(view, part, parts), from[0], from[view.channels]};
        squares += own.squares_from(middle);
    }
    REAL variance = squares / moments.number, scale = 1 / sqrt(variance + eps);
    if (!walk.inside) return;
    if (!blockIdx.y && !walk.team.lane) {
        mean[c] = middle;
        var[c] = variance;
        invstd[c] = scale;
    }
    if (weight) scale *= weight[c];
    REAL level = bias ? bias[c] : (REAL)0;
    for (; walk.more(); walk.next()) out[walk.at()] = (x[walk.at()] - middle) * scale + level;
}

// With statistics that are given, which are copied to `used_mean` and `invstd`.
extern "C" __global__ void standardize_by(
    const REAL* __restrict__ x, const REAL* __restrict__ mean, const REAL* __restrict__ var,
    const REAL* __restrict__ weight, const REAL* __restrict__ bias, REAL* __restrict__ out,
    REAL* __restrict__ used_mean, REAL* __restrict__ invstd, REAL eps, View view) {
    Walk walk(view);
    if (!walk.inside) return;
    int c = walk.channel;
    REAL middle = mean[c], scale = 1 / sqrt(var[c] + eps);
    if (!blockIdx.y && !walk.team.lane) {
        used_mean[c] = middle;
        invstd[c] = scale;
    }
    if (weight) scale *= weight[c];
    REAL level = (bias ? bias[c] : (REAL)0) - middle * scale;
    for (; walk.more(); walk.next()) out[walk.at()] = x[walk.at()] * scale + level;
}

// `partial`: (parts, 2, channels): the sums of g (x - mean) / std and of g, which are the gradients of weight and bias.
// `groups`: how many means an image has, each for `per` channels; 0 if all images share those of the channels.
extern "C" __global__ void channel_slopes(
    const REAL* __restrict__ g, const REAL* __restrict__ x, const REAL* __restrict__ mean,
    const REAL* __restrict__ invstd, REAL* __restrict__ partial, View view, int groups, int per) {
    Walk walk(view);
    REAL along = 0, total = 0;
    for (; walk.more(); walk.next()) {
        int own = walk.image * groups + walk.channel / per, at = walk.at();
        REAL slope = g[at];
        along += slope * ((x[at] - (mean ? mean[own] : (REAL)0)) * invstd[own]);
        total += slope;
    }
    along = walk.team.sum(along);
    total = walk.team.sum(total);
    if (!walk.inside || walk.team.lane) return;
    REAL* to = partial + (long long)blockIdx.y * 2 * view.channels + walk.channel;
    to[0] = along;
    to[view.channels] = total;
}

// The gradient by x, and the sums over all parts: those by weight and bias, each in an array of its own, which a
// parameter's `grad` can take as it is.
extern "C" __global__ void standardize_channels_backward(
    const REAL* __restrict__ g, const REAL* __restrict__ x, const REAL* __restrict__ weight,
    const REAL* __restrict__ mean, const REAL* __restrict__ invstd, const REAL* __restrict__ partial,
    REAL* __restrict__ gx, REAL* __restrict__ weight_grad, REAL* __restrict__ bias_grad, View view, int parts) {
    Walk walk(view);
    if (!walk.inside) return;
    int c = walk.channel;
    REAL along = 0, total = 0, number = (REAL)view.images * view.inner;
    for (int part = 0; part < parts; part++) {
        along += partial[(long long)part * 2 * view.channels + c];
        total += partial[((long long)part * 2 + 1) * view.channels + c];
    }
    if (!blockIdx.y && !walk.team.lane) {
        weight_grad[c] = along;
        bias_grad[c] = total;
    }
    REAL middle = mean[c], scale = invstd[c] * (weight ? weight[c] : (REAL)1);
    along *= invstd[c] / number;
    total /= number;
    for (; walk.more(); walk.next()) {
        int at = walk.at();
        gx[at] = (g[at] - total - (x[at] - middle) * along) * scale;
    }
}

// Running statistics, either of which may be null, move towards a batch's: a thread for each of `channels`.
extern "C" __global__ void move_statistics(
    const REAL* __restrict__ mean, const REAL* __restrict__ var, REAL* running_mean, REAL* running_var, REAL momentum,
    REAL unbias, int channels) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= channels) return;
    if (running_mean) running_mean[c] += (mean[c] - running_mean[c]) * momentum;
    if (running_var) running_var[c] += (var[c] * unbias - running_var[c]) * momentum;
}
