#pragma once
// What stands in for a node around the engine of one connection.

#include <troupe/distribution.hpp>

#include <functional>
#include <utility>

#include "protocol/connection.hpp"
#include "wire/frame.hpp"

namespace troupe_fuzz {

using namespace troupe;

struct note {
  std::uint64_t number = 0;
  std::string text;
  pid who = {};
};
struct ask {
  using reply = note;
  std::uint64_t number = 0;
};

// A node receives what a receiver in its program mentions.
inline void mention_types() {
  internal::mention<note>();
  internal::mention<request<ask>>();
  internal::mention<internal::reply_payload_of<ask>>();
  internal::mention<exit_reason>();
}

inline internal::request_header& header_of(message& request) {
  return *static_cast<internal::request_header*>(request.payload());
}

// A call to be sent.
inline message call_of(pid caller, std::uint64_t ref, std::uint64_t number) {
  internal::request_header header;
  header.reply_to = caller;
  header.ref = ref;
  return message::of(request<ask>(header, ask{number}));
}

inline message reply_of(std::uint64_t ref, std::uint64_t number) {
  return message::of(internal::reply_payload_of<ask>{{ref}, note{number, {}, {}}});
}

// Hands all that the engine asks for to functions that a fuzzer sets.
struct fake_node final : net::connection_host {
  std::function<void(const wire::frame&)> on_write = [](const auto&) {};
  std::function<void(const destination&, message&)> on_deliver = [](const auto&, auto&) {};
  std::function<void(message&)> on_bounce = [](auto&) {};
  std::function<std::variant<pid, exit_reason>()> on_spawn = [] { return exit_reason::noproc; };
  pid named{0, 1};  // has every name but the empty one

  void write(const wire::frame& frame) override { on_write(frame); }
  void write(const net::send_frame& frame) override {
    std::vector<std::byte> bytes;
    net::append_frame(bytes, frame);
    on_write(net::parse_frame(std::span(bytes).subspan(net::frame_prefix_bytes)).value());
  }
  void deliver(const destination& to, message what) override {
    on_deliver(to, what);
    forget(what);
  }
  void receive(pid to, message what, std::size_t bytes) override {
    receive(destination(to), std::move(what), bytes);
  }
  void receive(const destination& to, message what, std::size_t) override {
    deliver(to, std::move(what));
  }
  bool pause(const destination&, bool) override { return true; }
  void bounce(const destination&, message what, const exit_reason&) override {
    on_bounce(what);
    forget(what);
  }
  void address(message& request, pid reply_to, std::uint64_t ref,
               std::chrono::nanoseconds) override {
    header_of(request).reply_to = reply_to;
    header_of(request).ref = ref;
  }
  pid whereis(std::string_view name) override { return name.size() % 2 == 0 ? pid{} : named; }
  std::variant<pid, exit_reason> spawn(const spawn_request&, net::pid_mapper&) override {
    return on_spawn();
  }
  std::optional<std::uint32_t> index_of(const net::node_identity& node) override {
    return node.name.size() > 40 ? std::nullopt
                                 : std::optional<std::uint32_t>(2 + node.incarnation % 3);
  }
  net::node_identity identity_of(std::uint32_t index) override {
    return {"n" + std::to_string(index), index};
  }
  std::chrono::nanoseconds time_left(steady_time) override { return infinity; }
  void warn(std::string text) override { (void)text; }

 private:
  // There is no system here that a request could be answered through when it dies.
  static void forget(message& what) {
    if (what && what.type().kind == message_kind::request) header_of(what).reply_to = {};
  }
};

}  // namespace troupe_fuzz
