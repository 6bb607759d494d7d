#include "reasons.hpp"

#include <caf/atom.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace troupe::caf::internal {
namespace {

using kind = exit_reason::kind;

// Our errors in CAF: this category, with the type and the text as context.
constexpr ::caf::atom_value our_category = ::caf::atom("troupe");
constexpr std::uint8_t our_code = 1;

// CAF's errors in ours: the type is `caf::<category>:<code>`, from which the error can be made
// again.
constexpr std::string_view foreign_prefix = "caf::";

::caf::error foreign_error(std::string_view type, std::string_view text) {
  type.remove_prefix(foreign_prefix.size());
  const auto colon = type.find(':');
  std::uint8_t code = 0;
  if (colon > 10) return {};  // or there is none: an atom has 10 characters at most
  const std::string digits(type.substr(colon + 1));
  const auto end = digits.data() + digits.size();
  if (const auto read = std::from_chars(digits.data(), end, code);
      read.ec != std::errc{} || read.ptr != end)
    return {};
  return {code, ::caf::atom_from_string(std::string(type.substr(0, colon))),
          ::caf::make_message(std::string(text))};
}

::caf::error make_caf_error(std::string type, std::string text) {
  if (type == "troupe::timeout") return make_error(::caf::sec::request_timeout, std::move(text));
  if (type.starts_with(foreign_prefix))
    if (auto foreign = foreign_error(type, text)) return foreign;
  return {our_code, our_category, ::caf::make_message(std::move(type), std::move(text))};
}

exit_reason from_exit_reason(::caf::actor_system& guests, const ::caf::error& why) {
  switch (static_cast<::caf::exit_reason>(why.code())) {
    case ::caf::exit_reason::normal: return exit_reason::normal;
    case ::caf::exit_reason::user_shutdown: return exit_reason::shutdown;
    case ::caf::exit_reason::kill: return exit_reason::killed;
    case ::caf::exit_reason::unknown: return exit_reason::noproc;
    case ::caf::exit_reason::unreachable:
    case ::caf::exit_reason::remote_link_unreachable: return exit_reason::noconnection;
    default: return exit_reason::error(fmt::format("caf::exit:{}", why.code()), guests.render(why));
  }
}

}  // namespace

exit_reason reason_of(::caf::actor_system& guests, const ::caf::error& why) {
  if (!why) return exit_reason::normal;
  if (why.category() == ::caf::atom("exit")) return from_exit_reason(guests, why);
  if (why == ::caf::sec::request_receiver_down) return exit_reason::noproc;
  if (why == ::caf::sec::request_timeout)
    return exit_reason::error("troupe::timeout", guests.render(why));
  if (why.category() == our_category && why.code() == our_code &&
      why.context().match_elements<std::string, std::string>())
    return exit_reason::error(why.context().get_as<std::string>(0),
                              why.context().get_as<std::string>(1));
  return exit_reason::error(fmt::format("caf::{}:{}", ::caf::to_string(why.category()), why.code()),
                            guests.render(why));
}

::caf::error error_of(const exit_reason& why) {
  switch (why.what()) {
    case kind::normal: return {};
    case kind::shutdown: return ::caf::exit_reason::user_shutdown;
    case kind::kill:
    case kind::killed: return ::caf::exit_reason::kill;
    case kind::noproc: return ::caf::exit_reason::unknown;
    case kind::noconnection: return ::caf::exit_reason::remote_link_unreachable;
    case kind::error: return make_caf_error(std::string(why.type()), std::string(why.text()));
    case kind::user: break;
  }
  return make_caf_error("troupe::exit_reason", to_string(why));
}

::caf::error receiver_down(const exit_reason& why) {
  if (why == exit_reason::noconnection) return error_of(why);  // it may live on
  return make_error(::caf::sec::request_receiver_down, to_string(why));
}

::caf::error failure_of(const exit_reason& why) {
  if (why == exit_reason::noproc || why == exit_reason::normal) return receiver_down(why);
  return error_of(why);
}

}  // namespace troupe::caf::internal
