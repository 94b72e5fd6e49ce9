// Fault: a pack of four floats from an address that is no multiple of 16 bytes.
// Found by: address

__device__ void copy(Vector<float> in, Vector<float> out, int64 from) {
    const auto pack = Lanes<4>::load(&in[from]);  // here
    out[(blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x] = pack[0];
}

__global__ void faulty(Vector<float> in, Vector<float> out) { copy(in, out, 1); }

__global__ void correct(Vector<float> in, Vector<float> out) { copy(in, out, 4); }
