// Fault: every block adds to one number, not atomically.
// Found by: thread

__global__ void faulty(Vector<float> in, Vector<float> out) {
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        *reinterpret_cast<int*>(out.data) += 1;  // here
    }
}

__global__ void correct(Vector<float> in, Vector<float> out) {
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        atomicAdd(reinterpret_cast<int*>(out.data), 1);
    }
}
