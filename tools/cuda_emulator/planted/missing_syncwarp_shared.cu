// Fault: a lane reads what another lane of its warp has put into shared memory, with no __syncwarp between.
// Found by: thread

__device__ void reverse(Vector<float> in, Vector<float> out, bool waits) {
    __shared__ float held[4][WARP];
    held[threadIdx.y][WARP - 1 - threadIdx.x] = 0;
    __syncwarp();
    held[threadIdx.y][threadIdx.x] = in[threadIdx.x];  // here
    if (waits) {
        __syncwarp();
    }
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = held[threadIdx.y][WARP - 1 - threadIdx.x];  // here
}

__global__ void faulty(Vector<float> in, Vector<float> out) { reverse(in, out, false); }

__global__ void correct(Vector<float> in, Vector<float> out) { reverse(in, out, true); }
