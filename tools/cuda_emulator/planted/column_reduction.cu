// Fault: threads put the parts of a second column's sum into shared memory while others still read those of the first.
// Found by: thread

__device__ float sum_of_column(float own, bool waits_for_readers) {
    __shared__ float parts[4][WARP];
    parts[threadIdx.y][threadIdx.x] = own;  // here
    __syncthreads();
    float sum = 0;
    for (int y = 0; y < 4; ++y) {
        sum += parts[y][threadIdx.x];  // here
    }
    if (waits_for_readers) {
        __syncthreads();
    }
    return sum;
}

__device__ void sum_two_columns(Vector<float> in, Vector<float> out, bool waits_for_readers) {
    const int thread = threadIdx.y * WARP + threadIdx.x;
    const float first = sum_of_column(in[thread], waits_for_readers);
    const float second = sum_of_column(in[thread] * in[thread], waits_for_readers);
    out[blockIdx.x * 128 + thread] = first + second;
}

__global__ void faulty(Vector<float> in, Vector<float> out) { sum_two_columns(in, out, false); }

__global__ void correct(Vector<float> in, Vector<float> out) { sum_two_columns(in, out, true); }
