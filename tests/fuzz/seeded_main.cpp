// In place of the fuzzer, for compilers and builds without it: random scripts, one from each seed.
// TROUPE_SEEDS says how many; TROUPE_SEED=N repeats one.
#include <troupe/sim/random.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t seeds = 2'000;
constexpr std::uint64_t longest = 600;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void run_one(std::uint64_t seed) {
  troupe::sim::random draws(seed, "script");
  std::vector<std::uint8_t> bytes(1 + draws.below(longest));
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(draws.next());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// The seed under way, for whoever sees the program abort.
std::uint64_t seed = 0;
void say_seed(int) {
  std::fprintf(stderr, "TROUPE_SEED=%llu repeats it\n", static_cast<unsigned long long>(seed));
}

}  // namespace

int main() {
  std::signal(SIGABRT, say_seed);
  seed = from_environment("TROUPE_SEED", 0);
  if (seed != 0) {
    run_one(seed);
    return 0;
  }
  const std::uint64_t last = from_environment("TROUPE_SEEDS", seeds);
  for (seed = 1; seed <= last; ++seed) run_one(seed);
}
