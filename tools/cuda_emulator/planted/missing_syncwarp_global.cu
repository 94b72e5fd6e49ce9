// Fault: a lane reads from global memory what another lane has written; the shuffle between them orders nothing.
// Found by: thread

__global__ void faulty(Vector<float> in, Vector<float> out) {
    const int row = (blockIdx.x * 4 + threadIdx.y) * WARP;
    out[row + threadIdx.x] = in[threadIdx.x];  // here
    const float total = warp_sum(in[threadIdx.x]);
    if (threadIdx.x == 0) {
        in[128 + blockIdx.x * 4 + threadIdx.y] = total + out[row + WARP - 1];  // here
    }
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    const int row = (blockIdx.x * 4 + threadIdx.y) * WARP;
    out[row + threadIdx.x] = in[threadIdx.x];
    const float total = warp_sum(in[threadIdx.x]);
    __syncwarp();
    if (threadIdx.x == 0) {
        in[128 + blockIdx.x * 4 + threadIdx.y] = total + out[row + WARP - 1];
    }
}
