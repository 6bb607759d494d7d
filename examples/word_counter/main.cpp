// word_counter: counts the words of its input. See README.md.

#include "counter.hpp"
#include "tokenizer.hpp"

#include <troupe/net/isolated.hpp>

#include <iostream>

namespace {

using troupe::net::is_peer;

troupe::net::node_options node_of(troupe::system& system) {
  if (is_peer()) return {};  // told by the parent
  return {.name = "words@127.0.0.1:0", .cookie = troupe::net::random_cookie(system)};
}

int run() {
  troupe::system system;
  troupe::net::node node(system, node_of(system));
  node.offer<words::tokenizer>("tokenizer");
  if (is_peer()) {
    system.run(troupe::net::until_parent_ends);
    return 0;
  }
  system.supervise(troupe::one_for_one{.intensity = 100},
                   {troupe::net::isolated_child("tokenizer", node, {}, "tokenizer")});
  const int lost =
      system.run([](troupe::context self) { return words::count(self, std::cin, std::cout); });
  if (lost > 0) std::cout << "lines lost in crashes: " << lost << '\n';
  return 0;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& e) {
    std::cerr << "word_counter: " << e.what() << '\n';
    return 1;
  }
}
