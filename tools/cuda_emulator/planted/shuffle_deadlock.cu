// Fault: half of a warp's lanes are at a shuffle, and the others at the block's barrier.
// Found by: address

__global__ void faulty(Vector<float> in, Vector<float> out) {
    float own = in[threadIdx.x];
    if (threadIdx.x < 16) {
        own += __shfl_xor_sync(0xFFFFFFFFu, own, 8);  // here
    }
    __syncthreads();  // here
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = own;
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    float own = in[threadIdx.x];
    const float other = __shfl_xor_sync(0xFFFFFFFFu, own, 8);
    if (threadIdx.x < 16) {
        own += other;
    }
    __syncthreads();
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = own;
}
