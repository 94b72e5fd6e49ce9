// The types that a kernel takes, as its own text writes them.
#pragma once

#include <string>

namespace emulation {

// "… [with Parameters = {Matrix<const long long int>, double}]" becomes "Matrix<const int64>;double".
std::string parameter_types(std::string compilers_text);

}  // namespace emulation
