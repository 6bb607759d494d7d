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

std::variant<message, std::string> decode_message(const found_type& found, std::string_view name,
                                                  message_kind role, std::string_view payload,
                                                  pid_mapper& pids, const limits& bounds) {
  if (found.type == nullptr || found.type->construct == nullptr)
    return type_trouble(found, role_name(role), name);
  message made = message::blank(*found.type);
  if (auto error = decode(*found.type->value, made.value(), payload, pids, bounds))
    return "a " + std::string(name) + " that cannot be decoded: " + error->text;
  return made;
}

}  // namespace troupe::net
