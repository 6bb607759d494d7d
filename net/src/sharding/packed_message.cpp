#include "sharding/packed_message.hpp"

#include <span>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/decode_message.hpp"

namespace troupe::net::internal {
namespace {

// The number of a pid's node is the pid's place in the list.
class listed_pids final : public pid_mapper {
 public:
  explicit listed_pids(std::vector<pid>& all) : all_(all) {}
  wire_pid to_wire(pid p) override {
    if (!p) return {};
    all_.push_back(p);
    return {static_cast<std::uint32_t>(all_.size() - 1), 1};
  }
  std::optional<pid> from_wire(wire_pid p) override {
    if (p.id == 0) return pid{};
    if (p.node >= all_.size()) return std::nullopt;
    return all_[p.node];
  }

 private:
  std::vector<pid>& all_;
};

}  // namespace

std::optional<std::string> pack(packed_message& to, const message& what, const limits& bounds) {
  const type_info& type = *what.type().value;
  listed_pids pids(to.pids);
  std::string bytes;
  if (auto error = encode(type, what.value(), bytes, pids, bounds)) return std::move(error->text);
  to.type = type.name;
  const auto payload = std::as_bytes(std::span(bytes));
  to.payload.assign(payload.begin(), payload.end());
  return std::nullopt;
}

std::variant<message, std::string> unpack(const packed_message& from, message_kind kind,
                                          const limits& bounds) {
  std::vector<pid> given = from.pids;
  listed_pids pids(given);
  const std::string_view payload(reinterpret_cast<const char*>(from.payload.data()),
                                 from.payload.size());
  std::string why;
  message made = decode_message(find_message_type(kind, from.type), {from.type, kind, payload},
                                pids, bounds, why);
  if (!made) return why;
  return made;
}

}  // namespace troupe::net::internal
