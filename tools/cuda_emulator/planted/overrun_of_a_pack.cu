// Fault: packs of four floats up to the last element, although the vector's size is no multiple of four.
// Found by: address

__device__ void double_packs(Vector<float> out, int64 end) {
    const int thread = (blockIdx.x * 4 + threadIdx.y) * WARP + threadIdx.x;
    for (int64 i = 4 * thread; i < end; i += 4 * WARP * 8) {
        auto pack = Lanes<4>::load(&out[i]);  // here
        for (int lane = 0; lane < 4; ++lane) {
            pack[lane] *= 2;
        }
        Lanes<4>::store(pack, &out[i]);
    }
}

__global__ void faulty(Vector<float> in, Vector<float> out) { double_packs(out, out.size); }

__global__ void correct(Vector<float> in, Vector<float> out) { double_packs(out, out.size - out.size % 4); }
