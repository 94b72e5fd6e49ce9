// Fault: an index one past the end of an array in shared memory.
// Found by: address

__global__ void faulty(Vector<float> in, Vector<float> out) {
    __shared__ float held[4][WARP];
    held[threadIdx.y][threadIdx.x + 1] = in[threadIdx.x];  // here
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    __shared__ float held[4][WARP + 1];
    held[threadIdx.y][threadIdx.x + 1] = in[threadIdx.x];
}
