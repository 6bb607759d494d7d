#include "wire/frame_splitter.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "wire/frame.hpp"
#include "wire/limits.hpp"

namespace troupe::net {
namespace {

using bytes = std::vector<std::byte>;

constexpr std::uint32_t cap = 1024;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

bytes framed(const std::vector<bytes>& bodies) {
  bytes stream;
  for (const bytes& body : bodies) append_part(stream, body);
  return stream;
}

bytes prefix(std::uint32_t length) {
  bytes out;
  for (const unsigned shift : {24u, 16u, 8u, 0u})
    out.push_back(static_cast<std::byte>(length >> shift & 0xff));
  return out;
}

// What the splitter gives for the stream, fed in chunks of this size.
std::vector<bytes> split(frame_splitter& splitter, std::span<const std::byte> stream,
                         std::size_t chunk) {
  std::vector<bytes> bodies;
  for (; !stream.empty(); stream = stream.subspan(std::min(chunk, stream.size()))) {
    splitter.feed(stream.first(std::min(chunk, stream.size())));
    while (auto body = splitter.next()) bodies.emplace_back(body->begin(), body->end());
  }
  return bodies;
}

bytes body_of(std::size_t size) {
  bytes body(size);
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::byte>(i * 7 + size);
  return body;
}

TEST_CASE("a stream gives the same frames in whatever chunks it arrives") {
  const std::vector<bytes> bodies = {body_of(1), body_of(2), body_of(300), body_of(cap),
                                     body_of(3)};
  const bytes stream = framed(bodies);
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    frame_splitter splitter(cap);
    CHECK(split(splitter, stream, chunk) == bodies);
    CHECK_FALSE(splitter.error());
    CHECK_FALSE(splitter.mid_frame());
  }
}

TEST_CASE("a frame may be cut in two at any byte") {
  const std::vector<bytes> bodies = {body_of(5), body_of(9)};
  const bytes stream = framed(bodies);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    frame_splitter splitter(cap);
    auto got = split(splitter, std::span(stream).first(cut), stream.size());
    const bool between_frames = cut == 0 || cut == 9 || cut == stream.size();
    CHECK(splitter.mid_frame() == !between_frames);
    const auto rest = split(splitter, std::span(stream).subspan(cut), stream.size());
    got.insert(got.end(), rest.begin(), rest.end());
    CHECK(got == bodies);
  }
}

TEST_CASE("a frame that lies whole in the chunk is not copied") {
  const bytes stream = framed({body_of(10), body_of(20)});
  frame_splitter splitter(cap);
  splitter.feed(stream);
  const auto first = splitter.next();
  REQUIRE(first);
  CHECK(first->data() == stream.data() + 4);
  const auto second = splitter.next();
  REQUIRE(second);
  CHECK(second->data() == stream.data() + 18);
  CHECK(splitter.capacity() == 0);
}

TEST_CASE("lengths that no frame may have are refused with the length and the cap") {
  using cause = frame_length_error::cause;
  const auto [length, what] =
      GENERATE(table<std::uint32_t, cause>({{0u, cause::zero},
                                            {cap + 1, cause::above_cap},
                                            {0x7fffffffu, cause::above_cap},
                                            {0x80000000u, cause::above_cap},
                                            {0xffffffffu, cause::above_cap}}));
  const std::size_t chunk = GENERATE(1u, 3u, 4u, 100u);
  bytes stream = framed({body_of(6)});
  const bytes bad = prefix(length);
  stream.insert(stream.end(), bad.begin(), bad.end());
  stream.resize(stream.size() + 50);

  frame_splitter splitter(cap);
  CHECK(split(splitter, stream, chunk) == std::vector<bytes>{body_of(6)});
  REQUIRE(splitter.error());
  CHECK(splitter.error()->what == what);
  CHECK(splitter.error()->length == length);
  CHECK(splitter.error()->cap == cap);
  CHECK(splitter.capacity() <= 16);  // nothing was taken for the frame that was announced
}

TEST_CASE("the lengths 1 and cap are allowed") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{cap}}) {
    frame_splitter splitter(cap);
    CHECK(split(splitter, framed({body_of(size)}), 7) == std::vector<bytes>{body_of(size)});
  }
}

TEST_CASE("after a wrong length no frame comes any more") {
  frame_splitter splitter(cap);
  CHECK(split(splitter, prefix(0), 4).empty());
  CHECK(split(splitter, framed({body_of(3)}), 4).empty());
  CHECK(splitter.error()->what == frame_length_error::cause::zero);
}

TEST_CASE("a cap set between two frames holds for the second, in one chunk too") {
  const bytes stream = framed({body_of(8), body_of(cap + 1)});
  const std::size_t chunk = GENERATE(1u, 8u, 13u, 5000u);
  frame_splitter splitter(cap);
  std::vector<std::size_t> sizes;
  for (auto rest = std::span(stream); !rest.empty();) {
    const auto some = rest.first(std::min<std::size_t>(chunk, rest.size()));
    rest = rest.subspan(some.size());
    splitter.feed(some);
    while (auto body = splitter.next()) {
      sizes.push_back(body->size());
      splitter.set_cap(cap + 1);
    }
  }
  CHECK(sizes == std::vector<std::size_t>{8, cap + 1});
  CHECK_FALSE(splitter.error());
}

TEST_CASE("memory grows with what has arrived, not with what was announced") {
  constexpr std::uint32_t announced = 16 * 1024 * 1024;
  frame_splitter splitter(announced);
  CHECK(split(splitter, prefix(announced), 4).empty());
  CHECK(splitter.capacity() == 0);
  CHECK(split(splitter, body_of(1000), 100).empty());
  CHECK(splitter.capacity() <= 2000);
}

TEST_CASE("the memory of a large frame is given back") {
  constexpr std::size_t large = 1024 * 1024;
  frame_splitter splitter(large);
  CHECK(split(splitter, framed({body_of(large)}), 4096).size() == 1);
  CHECK(splitter.capacity() <= 64 * 1024);
}

TEST_CASE("an error of length says what came, what is allowed and what to look for") {
  frame_splitter splitter(cap);
  const auto text_after = [&](std::string_view stream) {
    (void)split(splitter, as_bytes(stream), stream.size());
    return splitter.error()->text();
  };
  const std::string text = text_after("GET / HTTP/1.1\r\n\r\n");
  CHECK_THAT(text, matchers::ContainsSubstring("1195725856"));  // "GET " read as a length
  CHECK_THAT(text, matchers::ContainsSubstring("1024"));
  CHECK_THAT(text, matchers::ContainsSubstring("does not speak troupe's node protocol"));
  CHECK_THAT(text, matchers::ContainsSubstring("limits.message_bytes"));
  CHECK_THAT((frame_length_error{}.text()), matchers::ContainsSubstring("length 0"));
}

TEST_CASE("a frame is read back as it was written") {
  wire::frame frame;
  frame.mutable_link()->set_from(7);
  frame.mutable_link()->set_to(9);
  bytes stream;
  append_frame(stream, frame);
  frame_splitter splitter(cap);
  splitter.feed(stream);
  const auto body = splitter.next();
  REQUIRE(body);
  const auto read = parse_frame(*body);
  REQUIRE(read);
  CHECK(read->link().from() == 7);
  CHECK(read->link().to() == 9);
}

TEST_CASE("a body with bytes cut off, left over or nested too deep is no frame") {
  wire::frame frame;
  frame.mutable_define_name()->set_text("accounts");
  const std::string body = frame.SerializeAsString();
  REQUIRE(parse_frame(as_bytes(body)));
  for (std::size_t size = 1; size < body.size(); ++size)
    CHECK_FALSE(parse_frame(as_bytes(body).first(size)));
  // An impossible tag, the tag 0, and the end of a group that never began.
  for (const char more : {'\x01', '\0', '\x0c'}) CHECK_FALSE(parse_frame(as_bytes(body + more)));

  // An unknown group (wire types 3 and 4) nests without a length.
  const auto groups = [](std::size_t depth) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += "\xa3\x06";
    for (std::size_t i = 0; i < depth; ++i) out += "\xa4\x06";
    return out;
  };
  CHECK(parse_frame(as_bytes(groups(8))));
  CHECK_FALSE(parse_frame(as_bytes(groups(max_frame_nesting + 1))));
}

TEST_CASE("the frame cap of a node leaves room for its longest message") {
  CHECK(limits{}.frame_bytes() > limits{}.message_bytes);
  CHECK(limits{.message_bytes = UINT32_MAX}.frame_bytes() == INT32_MAX);
}

}  // namespace
}  // namespace troupe::net
