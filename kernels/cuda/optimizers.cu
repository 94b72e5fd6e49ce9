// Update rules over flat vectors: parameters w, gradient g, the optimizer's own state, and the learning rate in memory.
//
// `decay` is the decoupled weight decay of Loshchilov and Hutter 2019: every rule moves w by −lr·(direction + decay·w).
// Moments that have shrunk into subnormal numbers are set to zero, as on the CPU, where arithmetic on them is slow.

inline constexpr double SMALLEST_NORMAL = 1.1754944e-38;  // of float32

// x, or 0 where x is too small to be a normal number.
template <typename T>
__device__ T without_subnormals(T x) {
    return fabs(x) < T(SMALLEST_NORMAL) ? T(0) : x;
}

// A pack of a vector, in registers while a rule works on it.
template <typename T, int lanes>
struct Held {
    T* place;
    Pack<T, lanes> pack;

    __device__ explicit Held(T* first) : place(first), pack(Lanes<lanes>::load(first)) {}
    __device__ T& operator[](int lane) { return pack[lane]; }
    __device__ void put_back() const { Lanes<lanes>::store(pack, place); }
};

// What a rule may only read is not put back.
template <typename T, int lanes>
struct Held<const T, lanes> {
    Pack<T, lanes> pack;

    __device__ explicit Held(const T* first) : pack(Lanes<lanes>::load(first)) {}
    __device__ const T& operator[](int lane) const { return pack[lane]; }
    __device__ void put_back() const {}
};

template <int lanes, typename Rule, typename... Packs>
__device__ void update_pack(Rule rule, Packs... packs) {
    for (int lane = 0; lane < lanes; ++lane) {
        rule(packs[lane]...);
    }
    (packs.put_back(), ...);
}

// No lambda captures the vectors: NVRTC 12.9 confuses the types of a captured list, and left out a store without a word.
template <int lanes, typename Rule, typename... Elements>
__device__ void update_packs(Rule rule, int64 size, Elements*... vectors) {
    const int64 step = int64(gridDim.x) * blockDim.x * lanes;
    for (int64 i = (int64(blockIdx.x) * blockDim.x + threadIdx.x) * lanes; i < size; i += step) {
        update_pack<lanes>(rule, Held<Elements, lanes>(vectors + i)...);
    }
}

// Call rule(element of w, other elements…) for every place of vectors of one length. It may change what belongs to a
// Vector<T>, and reads what belongs to a Vector<const T>.
template <typename Rule, typename T, typename... Elements>
__device__ void update_each(Rule rule, Vector<T> w, Vector<Elements>... others) {
    if (blockIdx.y > 0 || threadIdx.y > 0) {
        return;  // a vector is a single row
    }
    if (in_packs<T>(w.size, w.data, others.data...)) {
        update_packs<lanes_of<T>>(rule, w.size, w.data, others.data...);
    } else {
        update_packs<1>(rule, w.size, w.data, others.data...);
    }
}

// scaled = factor·lr: the rate of parameters that have a factor of their own.
__global__ void ONE_THREAD
scale_rate(Vector<const double> learning_rate, double factor, Vector<double> scaled) {
    scaled[0] = factor * learning_rate[0];
}

// w ← w − lr·g.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
sgd(Vector<T> w, Vector<const T> g, Vector<const double> learning_rate, double decay) {
    const T lr = T(learning_rate[0]);
    const auto rule = [&](T& w, T g) { w -= lr * (g + T(decay) * w); };
    update_each(rule, w, g);
}

// v ← μ·v + g, w ← w − lr·v: Polyak 1964.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
momentum(Vector<T> w, Vector<const T> g, Vector<T> velocity, Vector<const double> learning_rate, double mu,
         double decay) {
    const T lr = T(learning_rate[0]);
    const auto rule = [&](T& w, T g, T& velocity) {
        velocity = without_subnormals(T(mu) * velocity + g);
        w -= lr * (velocity + T(decay) * w);
    };
    update_each(rule, w, g, velocity);
}

// v ← μ·v + g, w ← w − lr·(g + μ·v): the look-ahead form of Sutskever et al. 2013.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
nesterov(Vector<T> w, Vector<const T> g, Vector<T> velocity, Vector<const double> learning_rate, double mu,
         double decay) {
    const T lr = T(learning_rate[0]);
    const auto rule = [&](T& w, T g, T& velocity) {
        velocity = without_subnormals(T(mu) * velocity + g);
        w -= lr * (g + T(mu) * velocity + T(decay) * w);
    };
    update_each(rule, w, g, velocity);
}

// s ← ρ·s + (1 − ρ)·g², w ← w − lr·g/(√s + ε): Tieleman and Hinton 2012.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
rmsprop(Vector<T> w, Vector<const T> g, Vector<T> mean_square, Vector<const double> learning_rate, double rho,
        double epsilon, double decay) {
    const T lr = T(learning_rate[0]), kept = T(rho), taken = T(1.0 - rho);
    const auto rule = [&](T& w, T g, T& mean_square) {
        mean_square = without_subnormals(kept * mean_square + taken * g * g);
        w -= lr * (g / (sqrt(mean_square) + T(epsilon)) + T(decay) * w);
    };
    update_each(rule, w, g, mean_square);
}

// s ← s + g², w ← w − lr·g/(√s + ε): Duchi et al. 2011.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
adagrad(Vector<T> w, Vector<const T> g, Vector<T> square_sum, Vector<const double> learning_rate, double epsilon,
        double decay) {
    const T lr = T(learning_rate[0]);
    const auto rule = [&](T& w, T g, T& square_sum) {
        square_sum = without_subnormals(square_sum + g * g);
        w -= lr * (g / (sqrt(square_sum) + T(epsilon)) + T(decay) * w);
    };
    update_each(rule, w, g, square_sum);
}

// x to a whole power by repeated squaring, off by at most n units in the last place: far less work than pow().
__device__ inline double power(double x, int64 n) {
    double result = 1;
    for (; n > 0; n /= 2) {
        result *= n % 2 == 1 ? x : 1.0;
        x *= x;
    }
    return result;
}

// m ← β₁·m + (1 − β₁)·g, s ← β₂·s + (1 − β₂)·g², w ← w − lr·m̂/(√ŝ + ε): Kingma and Ba 2015, algorithm 1.
//
// m̂ = m/(1 − β₁ᵗ) and ŝ = s/(1 − β₂ᵗ), t the number of this update, counted from 1 in counters[UPDATE]. In the order that their
// section 2 gives: lr·m̂/(√ŝ + ε) = α·m/(√s + ε̂), with α = lr·c/(1 − β₁ᵗ), ε̂ = ε·c and c = √(1 − β₂ᵗ).
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
adam(Vector<T> w, Vector<const T> g, Vector<T> first_moment, Vector<T> second_moment, Vector<const int64> counters,
     Vector<const double> learning_rate, double beta1, double beta2, double epsilon, double decay) {
    __shared__ T corrected[2];  // by one thread for its block: arithmetic in double is slow on most GPUs
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        const double correction = sqrt(1.0 - power(beta2, counters[UPDATE]));
        corrected[0] = T(learning_rate[0] * correction / (1.0 - power(beta1, counters[UPDATE])));
        corrected[1] = T(epsilon * correction);
    }
    __syncthreads();
    const T alpha = corrected[0], corrected_epsilon = corrected[1], shrink = T(learning_rate[0] * decay);
    const T kept1 = T(beta1), taken1 = T(1.0 - beta1), kept2 = T(beta2), taken2 = T(1.0 - beta2);
    const auto rule = [&](T& w, T g, T& first_moment, T& second_moment) {
        first_moment = without_subnormals(kept1 * first_moment + taken1 * g);
        second_moment = without_subnormals(kept2 * second_moment + taken2 * g * g);
        w -= alpha * first_moment / (sqrt(second_moment) + corrected_epsilon) + shrink * w;
    };
    update_each(rule, w, g, first_moment, second_moment);
}

// w ← w − lr·decay·share·w: decay whose strength is scheduled, before a rule that has none.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
shrink(Vector<T> w, Vector<const double> learning_rate, Vector<const double> share, double decay) {
    const T lost = T(learning_rate[0] * decay * share[0]);
    const auto rule = [&](T& w) { w -= lost * w; };
    update_each(rule, w);
}

// w ← w − lr·v, for a velocity that the matrix product v ← xᵀ·dz + μ·v has already moved.
template <typename T>
__global__ void EACH_ELEMENT_OF(w)
momentum_step(Vector<T> w, Vector<const T> velocity, Vector<const double> learning_rate, double decay) {
    const T lr = T(learning_rate[0]);
    const auto rule = [&](T& w, T velocity) { w -= lr * (velocity + T(decay) * w); };
    update_each(rule, w, velocity);
}

// g ← g + l2·w + l1·sign(w): the gradient of l2·w²/2 + l1·|w|.
template <typename T>
__global__ void EACH_ELEMENT_OF(g) add_penalty(Vector<T> g, Vector<const T> w, double l1, double l2) {
    const auto rule = [&](T& g, T w) {
        const T sign = w > 0 ? T(l1) : w < 0 ? -T(l1) : T(0);
        g += T(l2) * w + sign;
    };
    update_each(rule, g, w);
}

// g ← 0: what a rank adds to the gradient of a batch of which it has no rows.
template <typename T>
__global__ void EACH_ELEMENT_OF(g) clear_gradient(Vector<T> g) {
    const auto rule = [&](T& g) { g = T(0); };
    update_each(rule, g);
}

// g ← min(max(g, −limit), limit), NaN kept.
template <typename T>
__global__ void EACH_ELEMENT_OF(g) clip_by_value(Vector<T> g, double limit) {
    const auto rule = [&](T& g) { g = g > T(limit) ? T(limit) : g < -T(limit) ? -T(limit) : g; };
    update_each(rule, g);
}

// partial[b] = Σ g² over block b of NORM_BLOCK elements, in float64.
template <typename T>
__global__ void EACH_ENTRY_OF(partial) squared_norm(Vector<const T> g, Vector<double> partial) {
    for (int64 block = blockIdx.x; block < partial.size; block += gridDim.x) {
        const int64 end = (block + 1) * NORM_BLOCK < g.size ? (block + 1) * NORM_BLOCK : g.size;
        double own = 0;
        for (int64 i = block * NORM_BLOCK + threadIdx.x; i < end; i += BLOCK) {
            own += double(g[i]) * double(g[i]);
        }
        const double total = block_sum(own);
        if (threadIdx.x == 0) {
            partial[block] = total;
        }
    }
}

// g ← g·min(1, limit/‖g‖), ‖g‖ from the partial sums: Pascanu et al. 2013.
template <typename T>
__global__ void EACH_ELEMENT_OF(g) clip_by_norm(Vector<T> g, Vector<const double> partial, double limit) {
    double own = 0;  // every block adds up all partial sums, in the same order
    for (int64 block = thread_of_block(); block < partial.size; block += threads_of_block()) {
        own += partial[block];
    }
    const double norm = sqrt(block_sum(own));
    if (norm > limit) {
        const T factor = T(limit / norm);
        const auto rule = [&](T& g) { g *= factor; };
        update_each(rule, g);
    }
}

// average ← (1 − rate)·average + rate·w, with the rate of this update; nothing if that is 0.
template <typename T>
__global__ void EACH_ELEMENT_OF(average)
average_in(Vector<T> average, Vector<const T> w, Vector<const double> rates, Vector<const int64> counters) {
    const T rate = T(rates[counters[STEP] - 1]), keep = T(1) - rate;
    if (rate == T(0)) {
        return;
    }
    const auto rule = [&](T& average, T w) { average = keep * average + rate * w; };
    update_each(rule, average, w);
}

// a, b ← b, a.
template <typename T>
__global__ void EACH_ELEMENT_OF(a) exchange_vectors(Vector<T> a, Vector<T> b) {
    const auto rule = [](T& a, T& b) {
        const T held = a;
        a = b;
        b = held;
    };
    update_each(rule, a, b);
}
