#pragma once
// A reactor that the test polls itself: all callbacks run on its thread, inside `until`.

#include <troupe/net/transport.hpp>
#include <troupe/system.hpp>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/cluster_support.hpp"
#include "reactor/reactor.hpp"
#include "support/catch.hpp"

namespace troupe_test {

using troupe::net::endpoint;
using troupe::net::io_errc;
using troupe::net::io_result;
using troupe::net::stream;

// Names for tests. What is no name here is an address.
class known_names final : public troupe::net::resolver {
 public:
  using addresses = std::vector<std::string>;
  std::map<std::string, addresses> known;

  std::unique_ptr<troupe::net::pending> resolve(troupe::net::transport& on, const std::string& host,
                                                std::chrono::nanoseconds, handler done) override {
    const auto found = known.find(host);
    auto answer = found == known.end() ? addresses{host} : found->second;
    return on.after(0ns, [answer = std::move(answer), done = std::move(done)] { done(answer); });
  }
};

struct hand_driven {
  std::shared_ptr<kept_log> log = std::make_shared<kept_log>();
  std::shared_ptr<known_names> names = std::make_shared<known_names>();
  troupe::net::reactor bytes{troupe::make_real_clock(), log, names};

  // Polls until it is so.
  template <class Condition>
  void until(Condition holds) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > limit) FAIL("it does not come about within 20 s");
      bytes.poll(10ms);
    }
  }
  // Polls until all that is ready has run.
  void settle() {
    bool done = false;
    bytes.post([&] { bytes.post([&] { done = true; }); });
    until([&] { return done; });
  }
};

// What an operation ended in, once `handler()` of it was called.
template <class T>
class outcome_of {
 public:
  [[nodiscard]] auto handler() {
    return [this](io_result<T> got) { got_.emplace(std::move(got)); };
  }
  [[nodiscard]] bool over() const { return got_.has_value(); }
  [[nodiscard]] T& value() {
    if (!*got_) FAIL(got_->error().text);
    return **got_;
  }
  [[nodiscard]] const troupe::net::io_error& error() const {
    if (*got_) FAIL("it worked, but should have failed");
    return got_->error();
  }

 private:
  std::optional<io_result<T>> got_;
};

using dialled = outcome_of<std::unique_ptr<stream>>;
using moved = outcome_of<std::size_t>;

// Two ends of one connection. A test with it runs twice, the second time over TLS.
struct stream_pair {
  explicit stream_pair(hand_driven& world) {
    auto listening = world.bytes.listen({"127.0.0.1", 0},
                                        [&](std::unique_ptr<stream> s) { server = std::move(s); });
    REQUIRE(listening);
    dialled got;
    const auto dial = world.bytes.dial({"127.0.0.1", (*listening)->port()}, 10s, got.handler());
    world.until([&] { return got.over() && server != nullptr; });
    client = std::move(got.value());
    if (GENERATE(false, true)) start_tls(world);
  }
  std::unique_ptr<stream> client;
  std::unique_ptr<stream> server;

 private:
  void start_tls(hand_driven& world);
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline void write_all(hand_driven& world, stream& to, std::string_view text) {
  for (auto left = bytes_of(text); !left.empty();) {
    moved written;
    to.write_some(left, written.handler());
    world.until([&] { return written.over(); });
    left = left.subspan(written.value());
  }
}

// Reads that many bytes.
inline std::string read_text(hand_driven& world, stream& from, std::size_t count) {
  std::string text(count, '\0');
  for (auto left = std::as_writable_bytes(std::span(text)); !left.empty();) {
    moved got;
    from.read_some(left, got.handler());
    world.until([&] { return got.over(); });
    left = left.subspan(got.value());
  }
  return text;
}

// How a read that finds no more bytes ends.
inline io_errc read_end(hand_driven& world, stream& from) {
  std::byte into[16];
  moved got;
  from.read_some(into, got.handler());
  world.until([&] { return got.over(); });
  return got.error().code;
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace troupe_test
