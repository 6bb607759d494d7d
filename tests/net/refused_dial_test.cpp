// A peer that refuses and is gone, over a transport that makes sure of the order: what is written
// to it fails before its last word is read.
#include <troupe/net/transport.hpp>

#include <algorithm>

#include "net/cluster_support.hpp"
#include "wire/frame.hpp"

using namespace troupe_test;
using namespace troupe::net;

namespace {

class hasty_peer final : public stream {
 public:
  explicit hasty_peer(transport& on) : on_(on) {
    troupe::wire::frame word;
    word.mutable_refused()->set_code(troupe::wire::refused::unavailable);
    append_frame(last_word_, word);
  }
  void write_some(std::span<const std::byte>, handler done) override {
    writing_ = on_.after(0ns, [done = std::move(done)] { done(gone()); });
  }
  void read_some(std::span<std::byte> into, handler done) override {
    const auto fits = std::min(into.size(), last_word_.size());
    std::copy_n(last_word_.begin(), fits, into.begin());
    last_word_.erase(last_word_.begin(), last_word_.begin() + static_cast<std::ptrdiff_t>(fits));
    reading_ = on_.after(1ms, [fits, done = std::move(done)] {
      if (fits > 0) return done(fits);
      done(gone());
    });
  }
  void close() noexcept override {}
  void reset() noexcept override {}
  [[nodiscard]] const endpoint& peer() const noexcept override { return there_; }

 private:
  static io_error gone() { return {io_errc::reset, "the peer is gone"}; }

  transport& on_;
  const endpoint there_{"127.0.0.1", 9};
  std::vector<std::byte> last_word_;
  std::unique_ptr<pending> reading_;
  std::unique_ptr<pending> writing_;
};

class hasty_transport final : public transport {
 public:
  explicit hasty_transport(transport& real) : real_(real) {}
  io_result<std::unique_ptr<listener>> listen(const endpoint& where, accept_handler on) override {
    return real_.listen(where, std::move(on));
  }
  std::unique_ptr<pending> dial(const endpoint&, std::chrono::nanoseconds,
                                dial_handler done) override {
    return real_.after(0ns, [this, done = std::move(done)] {
      done(std::unique_ptr<stream>(std::make_unique<hasty_peer>(real_)));
    });
  }
  void post(std::function<void()> function) override { real_.post(std::move(function)); }
  std::unique_ptr<pending> after(std::chrono::nanoseconds delay,
                                 std::function<void()> function) override {
    return real_.after(delay, std::move(function));
  }
  [[nodiscard]] troupe::steady_time now() const noexcept override { return real_.now(); }

 private:
  transport& real_;
};

}  // namespace

TEST_CASE("a dialler hears why it is refused, even if what it writes meanwhile fails") {
  troupe::system system({.workers = 1, .log = std::make_shared<kept_log>()});
  const auto real = transport_of(system);
  hasty_transport hasty(*real);
  node here(system, {.name = "a@127.0.0.1:0", .cookie = test_cookie, .carrier = &hasty});
  CHECK_THROWS_WITH(here.connect("b@127.0.0.1:9"), matchers::ContainsSubstring("(unavailable)"));
}
