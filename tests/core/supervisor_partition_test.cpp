#include "core/supervisor_support.hpp"

#include <map>

using namespace troupe_test;
using troupe::dynamic;
using troupe::one_for_one;
using troupe::partition_supervisor;
using troupe::partitions;

TEST_CASE("a key finds the same partition each time also after that was restarted") {
  fixture f;
  const partitions pool("pool", 4);
  const pid tree = f.sys->supervise(
      one_for_one{}, {partition_supervisor(pool, child<worker>("w", "w", f.writer()))});
  CHECK(f.book.take() == "+w +w +w +w");
  const std::string& at = pool.partition_of("ann");
  CHECK(at == pool.partition_of(std::string("ann")));
  const pid before = f.sys->whereis(at);
  REQUIRE(before);
  f.sys->send(at, crash{"of one"});
  CHECK(f.happened() == "-w +w");
  CHECK(f.sys->whereis(pool.partition_of("ann")) != before);
  f.sys->call(pool.partition_of("ann"), are_you_there{});
  f.sys->exit(tree, exit_reason::shutdown);
  (void)f.happened();
  f.sys.await_counts({});
}

TEST_CASE("keys are spread over all partitions") {
  const partitions pool("pool", 8);
  std::map<std::string, int> keys;
  for (int key = 0; key < 8000; ++key) ++keys[pool.partition_of(key)];
  for (const std::string& name : pool.names()) {
    INFO(name);
    CHECK(keys[name] > 500);
  }
  CHECK(keys.size() == 8);
}

TEST_CASE("dynamic supervisors can be partitions so that starts do not queue at one") {
  fixture f;
  const partitions pool("sessions", 3);
  f.sys->supervise(
      one_for_one{},
      {partition_supervisor(
          pool, troupe::supervisor("any", dynamic{}, child<worker, std::string, write_to>()))});
  using sessions = troupe::dynamic_supervisor_ref<std::string, write_to>;
  for (const char* user : {"ann", "bob", "eve"}) {
    const sessions home(f.sys->whereis(pool.partition_of(user)));
    CHECK(f.sys->call(home, troupe::start_with(std::string(user), f.writer())));
  }
  CHECK(f.happened() == "+ann +bob +eve");
}

TEST_CASE("partitions without a name or without any are refused") {
  CHECK_THROWS_AS(partitions("", 3), std::invalid_argument);
  CHECK_THROWS_AS(partitions("p", 0), std::invalid_argument);
}
