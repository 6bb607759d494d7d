// What transport.hpp promises of streams and listeners, over the operating system's TCP.

#include <algorithm>
#include <array>

#include "net/reactor_support.hpp"

using namespace troupe::net;
using namespace troupe_test;

TEST_CASE("an endpoint is written as host and port, with brackets around IPv6, and read back") {
  const auto [where, text] = GENERATE(table<endpoint, std::string>({
      {{"127.0.0.1", 80}, "127.0.0.1:80"},
      {{"db.example", 65535}, "db.example:65535"},
      {{"::1", 0}, "[::1]:0"},
      {{"fe80::1%eth0", 7400}, "[fe80::1%eth0]:7400"},
  }));
  CHECK(to_string(where) == text);
  CHECK(parse_endpoint(text) == where);
}

TEST_CASE("what is not a host and a port is no endpoint") {
  const std::string text = GENERATE(
      as<std::string>(), "", ":", "host", "host:", ":80", "host:65536", "host:-1", "host:+1",
      "host:80x", "host: 80", "::1:80", "[::1]", "[::1]80", "[]:80", "[host]:80", "[[::1]]:80");
  CAPTURE(text);
  CHECK_FALSE(parse_endpoint(text).has_value());
}

TEST_CASE("a listener at port 0 tells the port, and who dials it gets the other end of a stream") {
  hand_driven world;
  std::unique_ptr<stream> accepted;
  auto listening = world.bytes.listen({"localhost", 0},
                                      [&](std::unique_ptr<stream> s) { accepted = std::move(s); });
  REQUIRE(listening);
  const std::uint16_t port = (*listening)->port();
  REQUIRE(port != 0);
  dialled got;
  const auto dial = world.bytes.dial({"127.0.0.1", port}, 10s, got.handler());
  world.until([&] { return got.over() && accepted != nullptr; });
  CHECK(got.value()->peer() == endpoint{"127.0.0.1", port});
  CHECK(accepted->peer().host == "127.0.0.1");
  write_all(world, *got.value(), "question");
  CHECK(read_text(world, *accepted, 8) == "question");
  write_all(world, *accepted, "answer");
  CHECK(read_text(world, *got.value(), 6) == "answer");
}

TEST_CASE("a read takes what there is and fits, and leaves the rest for the next") {
  hand_driven world;
  stream_pair both(world);
  write_all(world, *both.client, "abcdef");
  std::array<std::byte, 4> into{};
  moved got;
  both.server->read_some(into, got.handler());
  world.until([&] { return got.over(); });
  REQUIRE(got.value() == 4);
  CHECK(std::memcmp(into.data(), "abcd", 4) == 0);
  CHECK(read_text(world, *both.server, 2) == "ef");
}

TEST_CASE("a stream that was closed is read to its end, then gives eof") {
  hand_driven world;
  stream_pair both(world);
  write_all(world, *both.client, "the last words");
  both.client->close();
  CHECK(read_text(world, *both.server, 14) == "the last words");
  CHECK(read_end(world, *both.server) == io_errc::eof);
  CHECK(read_end(world, *both.server) == io_errc::eof);
}

TEST_CASE("close and reset end what is under way and what is begun later with closed") {
  hand_driven world;
  stream_pair both(world);
  std::byte into[16];
  moved under_way;
  both.client->read_some(into, under_way.handler());
  world.settle();
  REQUIRE_FALSE(under_way.over());
  SECTION("close") { both.client->close(); }
  SECTION("reset") { both.client->reset(); }
  REQUIRE_FALSE(under_way.over());
  world.until([&] { return under_way.over(); });
  CHECK(under_way.error().code == io_errc::closed);
  CHECK(read_end(world, *both.client) == io_errc::closed);
  moved written;
  both.client->write_some(bytes_of("late"), written.handler());
  world.until([&] { return written.over(); });
  CHECK(written.error().code == io_errc::closed);
}

TEST_CASE("the peer of a stream that was reset or destroyed gets reset") {
  hand_driven world;
  stream_pair both(world);
  SECTION("reset") { both.client->reset(); }
  SECTION("destroyed") { both.client.reset(); }
  CHECK(read_end(world, *both.server) == io_errc::reset);
  CHECK(read_end(world, *both.server) == io_errc::reset);
}

TEST_CASE("a stream that is destroyed after close has ended in good order") {
  hand_driven world;
  stream_pair both(world);
  write_all(world, *both.client, "bye");
  both.client->close();
  both.client.reset();
  CHECK(read_text(world, *both.server, 3) == "bye");
  CHECK(read_end(world, *both.server) == io_errc::eof);
}

TEST_CASE("writing to a peer that is gone gives reset") {
  hand_driven world;
  stream_pair both(world);
  both.server.reset();
  io_errc why = io_errc::other;
  std::function<void()> write = [&] {
    both.client->write_some(bytes_of("x"), [&](io_result<std::size_t> got) {
      if (got) return write();
      why = got.error().code;
    });
  };
  write();
  world.until([&] { return why != io_errc::other; });
  CHECK(why == io_errc::reset);
  why = io_errc::other;
  write();
  world.until([&] { return why != io_errc::other; });
  CHECK(why == io_errc::reset);
}

TEST_CASE("a destroyed stream destroys its callbacks uncalled, at once") {
  hand_driven world;
  stream_pair both(world);
  const auto mark = std::make_shared<bool>(false);
  std::byte into[16];
  both.client->read_some(into, [mark](auto) { *mark = true; });
  world.settle();
  both.client.reset();
  CHECK(mark.use_count() == 1);
  world.settle();
  CHECK_FALSE(*mark);
}

TEST_CASE(
    "a stream may be destroyed in its own callback, with an operation the other way under way") {
  hand_driven world;
  stream_pair both(world);
  std::byte into[16];
  const std::string much(std::size_t{64} << 20, 'x');
  bool read = false;
  bool written = false;
  both.client->read_some(into, [&](io_result<std::size_t> got) {
    CHECK(got);
    both.client.reset();
    read = true;
  });
  // Fill the way, so that the last write does not end.
  std::function<void()> fill = [&] {
    written = false;
    both.client->write_some(bytes_of(much), [&](auto) {
      written = true;
      fill();
    });
  };
  fill();
  write_all(world, *both.server, "x");
  world.until([&] { return read; });
  const bool before = written;
  world.settle();
  CHECK(written == before);
  CHECK(both.client == nullptr);
}

TEST_CASE("a stream refuses a second operation of a kind, and one without room for a byte") {
  hand_driven world;
  stream_pair both(world);
  std::byte into[16];
  moved got;
  CHECK_THROWS_WITH(both.client->read_some({}, got.handler()),
                    matchers::ContainsSubstring("at least one byte"));
  CHECK_THROWS_WITH(both.client->write_some({}, got.handler()),
                    matchers::ContainsSubstring("at least one byte"));
  both.client->read_some(into, got.handler());
  CHECK_THROWS_WITH(both.client->read_some(into, got.handler()),
                    matchers::ContainsSubstring("one read and one write at a time"));
  write_all(world, *both.server, "x");
  world.until([&] { return got.over(); });
  CHECK(got.value() == 1);
}

namespace {

// Sends its bytes and takes those of the other end, at the same time.
struct exchange {
  exchange(stream& s, std::string sends, std::size_t expects)
      : way(s), out(std::move(sends)), in(expects, '\0') {
    write();
    read();
  }
  void write() {
    if (sent == out.size()) return;
    way.write_some(bytes_of(out).subspan(sent), [this](io_result<std::size_t> got) {
      if (!got) return;
      ++writes;
      sent += *got;
      write();
    });
  }
  void read() {
    if (taken == in.size()) return;
    way.read_some(std::as_writable_bytes(std::span(in)).subspan(taken),
                  [this](io_result<std::size_t> got) {
                    if (!got) return;
                    taken += *got;
                    read();
                  });
  }
  [[nodiscard]] bool over() const { return sent == out.size() && taken == in.size(); }

  stream& way;
  const std::string out;
  std::string in;
  std::size_t sent = 0;
  std::size_t taken = 0;
  std::size_t writes = 0;
};

std::string noise(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  for (char& c : text) {
    seed = seed * 1664525U + 1013904223U;
    c = static_cast<char>(seed >> 24U);
  }
  return text;
}

}  // namespace

TEST_CASE("both directions of a stream carry much at once, in pieces and in order") {
  hand_driven world;
  stream_pair both(world);
  constexpr std::size_t size = std::size_t{32} << 20;
  exchange here(*both.client, noise(size, 1), size);
  exchange there(*both.server, noise(size, 2), size);
  world.until([&] { return here.over() && there.over(); });
  CHECK((here.in == there.out && there.in == here.out));
  CHECK(here.writes > 1);
}

TEST_CASE("many connections live at once, each with its own bytes, and leave no descriptor") {
  const std::size_t before = open_descriptors();
  {
    hand_driven world;
    constexpr std::size_t count = 300;
    std::vector<std::unique_ptr<stream>> servers;
    auto listening = world.bytes.listen(
        {"127.0.0.1", 0}, [&](std::unique_ptr<stream> s) { servers.push_back(std::move(s)); });
    REQUIRE(listening);
    std::vector<dialled> got(count);
    std::vector<std::unique_ptr<pending>> dials;
    for (dialled& one : got)
      dials.push_back(world.bytes.dial({"127.0.0.1", (*listening)->port()}, 10s, one.handler()));
    world.until([&] {
      return servers.size() == count &&
             std::all_of(got.begin(), got.end(), [](const dialled& d) { return d.over(); });
    });
    std::vector<std::unique_ptr<exchange>> ends;
    for (std::size_t i = 0; i < count; ++i)
      ends.push_back(std::make_unique<exchange>(*got[i].value(), noise(5000, unsigned(i)), 5000));
    for (const auto& server : servers)
      ends.push_back(std::make_unique<exchange>(*server, noise(5000, server->peer().port), 5000));
    world.until([&] {
      return std::all_of(ends.begin(), ends.end(), [](const auto& e) { return e->over(); });
    });
    // Each client's end got what the server's end of the same connection sent, and no two the same.
    std::vector<std::string> sent;
    std::vector<std::string> taken;
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(ends[i]->in);
      sent.push_back(ends[count + i]->out);
    }
    std::sort(sent.begin(), sent.end());
    std::sort(taken.begin(), taken.end());
    CHECK(sent == taken);
  }
  CHECK(open_descriptors() == before);
}
