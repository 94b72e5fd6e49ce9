// Fault: some threads of a block come to a barrier, while the others are at another one.
// Found by: address

__global__ void faulty(Vector<float> in, Vector<float> out) {
    if (threadIdx.y == 0) {
        __syncthreads();  // here
    } else {
        __syncthreads();  // here
    }
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    __syncthreads();
}
