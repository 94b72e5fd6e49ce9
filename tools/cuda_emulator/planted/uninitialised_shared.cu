// Fault: one thread sets one of two numbers in shared memory, and all read both.
// Found by: thread

__global__ void faulty(Vector<float> in, Vector<float> out) {
    __shared__ float both[2];
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        both[0] = in[0];
    }
    __syncthreads();
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = both[0] + both[1];  // here
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    __shared__ float both[2];
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        both[0] = in[0];
        both[1] = in[1];
    }
    __syncthreads();
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = both[0] + both[1];
}
