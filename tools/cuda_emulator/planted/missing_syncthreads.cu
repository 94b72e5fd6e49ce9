// Fault: each warp reads what another has put into shared memory, with no __syncthreads between.
// Found by: thread

__device__ void reverse(Vector<float> in, Vector<float> out, bool waits) {
    __shared__ float held[128];
    const int thread = threadIdx.y * WARP + threadIdx.x;
    held[127 - thread] = 0;
    __syncthreads();
    held[thread] = in[thread];  // here
    if (waits) {
        __syncthreads();
    }
    out[blockIdx.x * 128 + thread] = held[127 - thread];  // here
}

__global__ void faulty(Vector<float> in, Vector<float> out) { reverse(in, out, false); }

__global__ void correct(Vector<float> in, Vector<float> out) { reverse(in, out, true); }
