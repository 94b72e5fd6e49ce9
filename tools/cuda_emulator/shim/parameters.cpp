// From the compiler's spelling of types to that of common.cuh.

#include "parameters.hpp"

#include <cctype>
#include <utility>

namespace emulation {
namespace {

// In this order: a name that stands inside another comes after it.
const std::pair<const char*, const char*> SPELLINGS[] = {
    {"long long unsigned int", "uint64"}, {"long long int", "int64"},
    {"long unsigned int", "uint64"},      {"long int", "int64"},
    {"unsigned int", "uint32"},           {"int", "int32"},
    {"unsigned char", "uint8"},           {"signed char", "int8"},
    {", ", ";"},
};

bool is_part_of_a_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool is_whole_word(const std::string& text, std::size_t at, std::size_t size) {
    const bool begins = at == 0 || !is_part_of_a_name(text[at - 1]) || !is_part_of_a_name(text[at]);
    const bool ends = at + size >= text.size() || !is_part_of_a_name(text[at + size]);
    return begins && (ends || !is_part_of_a_name(text[at + size - 1]));
}

}  // namespace

std::string parameter_types(std::string text) {
    text = text.substr(text.find('{') + 1);
    text = text.substr(0, text.rfind('}'));
    for (const auto& [compilers, own] : SPELLINGS) {
        const std::string spelling = compilers, name = own;
        for (std::size_t at = text.find(spelling); at != std::string::npos; at = text.find(spelling, at + 1)) {
            if (is_whole_word(text, at, spelling.size())) {
                text.replace(at, spelling.size(), name);
            }
        }
    }
    return text;
}

}  // namespace emulation
