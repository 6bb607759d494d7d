// Long frames in fragments: how they are cut, sent in turn, and put together again.
#include "wire/fragments.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "wire/frame.hpp"
#include "wire/frame_splitter.hpp"

using namespace troupe::net;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr limits bounds{.message_bytes = 1'000'000};

std::vector<std::byte> body_of(std::size_t size, int seed) {
  std::vector<std::byte> body(size);
  for (std::size_t i = 0; i < size; ++i)
    body[i] = static_cast<std::byte>((i * 31 + static_cast<std::size_t>(seed)) >> 3);
  return body;
}

std::vector<std::byte> frame_of(const std::vector<std::byte>& body) {
  std::vector<std::byte> frame;
  append_part(frame, body);
  return frame;
}

// The fragments on a stream, their data kept.
struct cut {
  std::uint32_t id;
  std::uint32_t length;
  std::string data;
  [[nodiscard]] fragment as_fragment() const { return {.id = id, .length = length, .data = data}; }
};
std::vector<cut> cuts_in(const std::vector<std::byte>& stream) {
  std::vector<cut> all;
  frame_splitter splitter(bounds.frame_bytes());
  splitter.feed(stream);
  while (const auto body = splitter.next()) {
    const auto part = read_fragment(*body);
    REQUIRE(part.has_value());
    all.push_back({part->id, part->length, std::string(part->data)});
  }
  return all;
}

std::vector<cut> all_of(fragmenter& out) {
  std::vector<std::byte> stream;
  while (!out.empty()) (void)out.append_next(stream);
  return cuts_in(stream);
}

std::string data_of(std::size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE("what is cut in fragments comes together as it was") {
  for (const std::size_t size :
       {max_fragment_bytes + 1, 2 * max_fragment_bytes, 3 * max_fragment_bytes + 7}) {
    const auto body = body_of(size, 1);
    fragmenter out(bounds);
    out.add(frame_of(body));
    reassembler in(bounds);
    const auto cuts = all_of(out);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      CHECK(cuts[i].data.size() <= max_fragment_bytes);
      CHECK(in.add(cuts[i].as_fragment()) == std::nullopt);
      const auto whole = in.take_whole();
      CHECK(whole.has_value() == (i + 1 == cuts.size()));
      if (whole) CHECK(*whole == body);
    }
  }
}

TEST_CASE("a fragment has the bytes that protobuf gives it") {
  for (const std::uint32_t length : {0U, 300U, 70'000U}) {
    const std::string data = data_of(200);
    std::vector<std::byte> ours;
    append_frame(ours, fragment{.id = 1000, .length = length, .data = data});
    troupe::wire::frame frame;
    frame.mutable_fragment()->set_id(1000);
    frame.mutable_fragment()->set_length(length);
    frame.mutable_fragment()->set_data(data);
    std::vector<std::byte> theirs;
    append_frame(theirs, frame);
    CHECK(ours == theirs);
  }
}

TEST_CASE("long frames have fragments in turn and the shortest is whole first") {
  fragmenter out(bounds);
  const auto first = out.add(frame_of(body_of(5 * max_fragment_bytes, 1)));
  const auto second = out.add(frame_of(body_of(2 * max_fragment_bytes, 2)));
  std::vector<std::byte> stream;
  std::vector<std::uint32_t> whole;
  while (!out.empty())
    if (const auto done = out.append_next(stream)) whole.push_back(*done);
  CHECK(whole == std::vector{second, first});
  std::vector<std::uint32_t> turns;
  for (const cut& c : cuts_in(stream)) turns.push_back(c.id);
  CHECK(turns == std::vector{first, second, first, second, first, first, first});
}

TEST_CASE("as many long frames as come are sent within the limits of the receiver") {
  fragmenter out(bounds);
  constexpr std::size_t count = 3 * max_unfinished_frames;
  for (std::size_t i = 0; i < count; ++i)
    out.add(frame_of(body_of(max_fragment_bytes + 1 + (i % 2) * 900'000, static_cast<int>(i))));
  reassembler in(bounds);
  std::size_t whole = 0;
  for (const cut& c : all_of(out)) {
    REQUIRE(in.add(c.as_fragment()) == std::nullopt);
    whole += in.take_whole().has_value() ? 1 : 0;
  }
  CHECK(whole == count);
}

TEST_CASE("fragments that break the rules are told from those that do not") {
  const std::string full = data_of(max_fragment_bytes);
  const auto broken = [](reassembler& in, std::uint32_t id, std::uint32_t length,
                         const std::string& data) {
    return in.add({.id = id, .length = length, .data = data}).value_or("right");
  };
  reassembler in(bounds);
  REQUIRE(broken(in, 1, 100'000, full) == "right");
  CHECK_THAT(broken(in, 1, 100'000, full), ContainsSubstring("begun twice"));
  CHECK_THAT(broken(in, 2, 0, full), ContainsSubstring("not begun"));
  CHECK_THAT(broken(in, 1, 0, full), ContainsSubstring("longer than their frame"));
  CHECK_THAT(broken(in, 2, 100'000, ""), ContainsSubstring("of 0 bytes"));
  CHECK_THAT(broken(in, 2, 100'000, full + "x"), ContainsSubstring("of 65537 bytes"));
  CHECK_THAT(broken(in, 2, 65'536, full), ContainsSubstring("in one fragment"));
  CHECK_THAT(broken(in, 2, bounds.frame_bytes() + 1, full), ContainsSubstring("message_bytes"));
  CHECK(broken(in, 2, bounds.frame_bytes(), full) == "right");
}

TEST_CASE("no more unfinished frames are kept than are allowed in number and bytes") {
  const std::string data = data_of(10);
  reassembler many(bounds);
  for (std::uint32_t id = 1; id <= max_unfinished_frames; ++id)
    REQUIRE(many.add({.id = id, .length = 11, .data = data}) == std::nullopt);
  CHECK(many.add({.id = 99, .length = 11, .data = data}).has_value());

  reassembler large(bounds);
  for (std::uint32_t id = 1; id <= 4; ++id)
    REQUIRE(large.add({.id = id, .length = bounds.frame_bytes(), .data = data}) == std::nullopt);
  CHECK(large.add({.id = 99, .length = 11, .data = data}).has_value());
}
