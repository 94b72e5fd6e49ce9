// Fault: some threads of a block have finished, and the others wait for them.
// Found by: address

__global__ void faulty(Vector<float> in, Vector<float> out) {
    if (threadIdx.x > 20) {
        return;
    }
    __syncthreads();  // here
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    __syncthreads();
    if (threadIdx.x > 20) {
        return;
    }
}
