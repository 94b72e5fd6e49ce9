// Fault: a tree of additions in shared memory, with no barrier between its levels.
// Found by: thread

__global__ void faulty(Vector<float> in, Vector<float> out) {
    __shared__ float parts[128];
    const int thread = threadIdx.y * WARP + threadIdx.x;
    parts[thread] = in[thread];
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (thread < half) {
            parts[thread] += parts[thread + half];  // here
        }
    }
    if (thread == 0) {
        out[blockIdx.x] = parts[0];
    }
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    __shared__ float parts[128];
    const int thread = threadIdx.y * WARP + threadIdx.x;
    parts[thread] = in[thread];
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (thread < half) {
            parts[thread] += parts[thread + half];
        }
        __syncthreads();
    }
    if (thread == 0) {
        out[blockIdx.x] = parts[0];
    }
}
