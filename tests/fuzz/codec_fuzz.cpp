// Any bytes, decoded as a few rich types. What is accepted is a value like any other: it can be
// encoded, and decoding that gives the same value again. The first byte chooses the type.
#include <troupe/exit_reason.hpp>

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/type.pb.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/codec.hpp"

namespace {

using namespace troupe;
using namespace troupe::net;

struct leaf {
  std::int8_t small = -1;
  std::uint64_t big = 1;
  float half = 0.5;
  double whole = 1.5;
  std::string text = "leaf";
  std::vector<std::byte> data;
  std::vector<std::int32_t> numbers = {1, 2};
  std::vector<bool> bits;
};
struct tree {
  leaf one;
  std::vector<tree> children;
  std::unique_ptr<tree> next;
  std::optional<std::optional<int>> twice;
  std::variant<std::monostate, leaf, std::vector<tree>, std::string> choice;
  std::map<std::string, std::vector<std::uint32_t>> table;
  std::set<std::vector<std::int16_t>> sets;
};
struct ends {
  exit_reason why;
  std::vector<exit_reason> more;
  pid who;
  std::array<std::optional<pid>, 2> two;
  std::tuple<bool, leaf> rest;
};

struct plain_pids final : pid_mapper {
  wire_pid to_wire(pid p) override { return {p.node, p.id}; }
  std::optional<pid> from_wire(wire_pid p) override {
    return p.node > 9 ? std::nullopt : std::optional(pid{p.node, p.id});
  }
};

constexpr limits bounds{.message_bytes = 1024 * 1024};

void expect(bool promise) {
  if (!promise) std::abort();
}

template <class T>
std::optional<std::string> decode_and_encode(std::string_view bytes) {
  plain_pids pids;
  T value{};
  if (const auto error = decode(type_of<T>, &value, bytes, pids, bounds)) {
    expect(!error->text.empty());
    return std::nullopt;
  }
  std::string out;
  const auto error = encode(type_of<T>, &value, out, pids, bounds);
  if (!error) return out;
  // Fields that did not arrive have defaults, which take room and may be nested further.
  expect(error->what == codec_error::cause::too_large ||
         error->what == codec_error::cause::too_deep);
  return std::nullopt;
}

template <class T>
void run(std::string_view bytes) {
  const auto once = decode_and_encode<T>(bytes);
  if (once) expect(decode_and_encode<T>(*once) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  google::protobuf::SetLogHandler(nullptr);  // of texts that are not UTF-8
  internal::mention<leaf>();
  internal::mention<ends>();
  internal::mention<exit_reason>();
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: run<leaf>(bytes); break;
    case 1: run<tree>(bytes); break;
    case 2: run<ends>(bytes); break;
    case 3: run<std::vector<google::protobuf::Type>>(bytes); break;
    default: run<std::map<std::int16_t, std::vector<std::vector<std::optional<float>>>>>(bytes);
  }
  return 0;
}
