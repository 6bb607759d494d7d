#pragma once

#include <optional>

/// What a test program does in the place of its tests when it was started for another purpose, as
/// a program that tests start. None: run the tests. Set by a static initialiser.
inline std::optional<int> (*instead_of_tests)(int argc, char** argv) = nullptr;
