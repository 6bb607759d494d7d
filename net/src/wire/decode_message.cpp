#include "wire/decode_message.hpp"

#include "wire/printable.hpp"

namespace troupe::net {
namespace {

std::string type_trouble(const found_type& found, std::string_view role, std::string_view name) {
  std::string text = "the type " + printable(name) + " ";
  if (found.ambiguous)
    return text +
           "cannot be told apart from another type of that name on the receiving node: give "
           "one of them a `static constexpr std::string_view type_name`";
  if (found.type == nullptr)
    return text +
           "is unknown on the receiving node: no receive, server or call there mentions it as "
           "a " +
           std::string(role);
  return text + "cannot be received: it has no default constructor to be filled from";
}

std::string_view role_name(message_kind role) noexcept {
  switch (role) {
    case message_kind::value: return "message";
    case message_kind::request: return "request";
    case message_kind::reply: return "reply";
    case message_kind::signal: break;
  }
  return "signal";
}

}  // namespace

message decode_message(const found_type& found, const encoded_message& in, pid_mapper& pids,
                       const limits& bounds, std::string& why) {
  if (found.type == nullptr || found.type->construct == nullptr) {
    why = type_trouble(found, role_name(in.role), in.type);
    return {};
  }
  message made = message::blank(*found.type);
  if (auto error = decode(*found.type->value, made.value(), in.payload, pids, bounds)) {
    why = "a " + std::string(in.type) + " that cannot be decoded: " + error->text;
    return {};
  }
  return made;
}

}  // namespace troupe::net
