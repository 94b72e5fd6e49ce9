// A program that runs launches from a file: what the sanitizers watch, without an interpreter around it.
//
// The file is a row of launches; all numbers in it are int64 but for the arguments that are float64. A launch is: a label and
// the kernel's name (length, bytes); grid and block (3 numbers each); the count of arguments; the arguments. An argument is
// 0 and 8 bytes; or 1 or 2 (its dimensions), the sizes, the bytes of an element, the bytes by which it is off the alignment
// of malloc, the argument that it shares its memory with or −1, and, if none, its content.
//
// Words: the file, and the seconds that one launch may take. Exit status: 0, or 67 if a launch failed; whatever the sanitizers
// end it with; SIGALRM if a launch does not end. The label of a launch is printed before it.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" int fastmlp_launch(const char* name, const unsigned grid[3], const unsigned block[3], void** arguments,
                              char* error, std::size_t error_size);

namespace {

std::FILE* file;

void read(void* target, std::size_t size) {
    if (std::fread(target, 1, size, file) != size) {
        std::fprintf(stderr, "the file of launches ends too early\n");
        std::exit(68);
    }
}

std::int64_t number() {
    std::int64_t value;
    read(&value, sizeof value);
    return value;
}

std::string text() {
    std::string value(number(), '\0');
    read(value.data(), value.size());
    return value;
}

// A number, or a Vector or Matrix as common.cuh lays them out: the address, then the sizes.
struct Argument {
    std::int64_t words[3] = {};
    void* allocated = nullptr;
};

Argument argument(const std::vector<Argument>& before) {
    Argument result;
    const std::int64_t dimensions = number();
    if (dimensions == 0) {
        result.words[0] = number();
        return result;
    }
    std::int64_t size = 1;
    for (int axis = 0; axis < dimensions; ++axis) {
        size *= result.words[1 + axis] = number();
    }
    size *= number();
    const std::int64_t offset = number(), shared_with = number();
    if (shared_with >= 0) {
        result.words[0] = before[shared_with].words[0];
    } else if (size > 0) {  // exactly so much, that one element too many is one out of bounds
        result.allocated = std::malloc(offset + size);
        char* data = static_cast<char*>(result.allocated) + offset;
        read(data, size);
        std::memcpy(&result.words[0], &data, sizeof data);
    }
    return result;
}

}  // namespace

int main(int count, char** words) {
    file = count == 3 ? std::fopen(words[1], "rb") : nullptr;
    if (file == nullptr) {
        std::fprintf(stderr, "give a file of launches, and seconds\n");
        return 68;
    }
    for (int next = std::getc(file); next != EOF; next = std::getc(file)) {
        std::ungetc(next, file);
        const std::string label = text(), name = text();
        std::puts(label.c_str());
        std::fflush(stdout);
        alarm(std::atoi(words[2]));
        unsigned shape[6];
        for (unsigned& axis : shape) {
            axis = number();
        }
        std::vector<Argument> arguments;
        for (std::int64_t left = number(); left > 0; --left) {
            arguments.push_back(argument(arguments));
        }
        std::vector<void*> addresses;
        for (Argument& each : arguments) {
            addresses.push_back(each.words);
        }
        char error[2000];
        if (fastmlp_launch(name.c_str(), shape, shape + 3, addresses.data(), error, sizeof error) != 0) {
            std::fprintf(stderr, "ERROR: %s\n", error);
            return 67;
        }
        for (Argument& each : arguments) {
            std::free(each.allocated);
        }
    }
    return 0;
}
