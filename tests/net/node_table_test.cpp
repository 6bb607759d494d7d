#include "cluster/node_table.hpp"

#include <atomic>
#include <string>
#include <thread>

#include "support/catch.hpp"

using troupe::net::internal::node_table;

TEST_CASE("a node is found by its index and stays where it is while others are added") {
  node_table<int> nodes;
  CHECK(nodes.find(0) == nullptr);
  CHECK(nodes.find(1) == nullptr);
  REQUIRE(nodes.add(10) == 1);
  const int* const first = nodes.find(1);
  for (int i = 2; !nodes.full(); ++i) REQUIRE(nodes.add(10 * i) == static_cast<std::uint32_t>(i));
  CHECK(nodes.find(1) == first);
  for (std::uint32_t i = 1; i <= node_table<int>::capacity; ++i)
    REQUIRE(*nodes.find(i) == 10 * static_cast<int>(i));
  CHECK(nodes.find(node_table<int>::capacity + 1) == nullptr);
  CHECK(nodes.find(UINT32_MAX) == nullptr);
}

TEST_CASE("a node that is just being added is found whole or not at all") {
  node_table<std::string> nodes;
  std::atomic<std::uint32_t> wrong{0};
  std::thread finds([&] {
    for (std::uint32_t i = 1; i <= node_table<std::string>::capacity;) {
      const std::string* const found = nodes.find(i);
      if (found == nullptr) continue;
      if (*found != "node " + std::to_string(i)) ++wrong;
      ++i;
    }
  });
  for (std::uint32_t i = 1; !nodes.full(); ++i) nodes.add("node " + std::to_string(i));
  finds.join();
  CHECK(wrong == 0);
}
