#include <troupe/exit_reason.hpp>

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <typeinfo>

namespace troupe {

struct exit_reason::detail {
  std::string type;
  std::string text;
  message value;
  equal_function equal = nullptr;
};

namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace

exit_reason exit_reason::error(std::string type, std::string text) {
  return from_parts(kind::error, std::move(type), std::move(text), {});
}

exit_reason exit_reason::from_parts(kind what, std::string type, std::string text, message value) {
  if (type.empty() && text.empty() && !value) return exit_reason(what);
  return {what, std::make_shared<const detail>(
                    detail{std::move(type), std::move(text), std::move(value), nullptr})};
}

std::shared_ptr<const exit_reason::detail> exit_reason::make_detail(message value,
                                                                    equal_function equal) {
  return std::make_shared<const detail>(detail{{}, {}, std::move(value), equal});
}

exit_reason exit_reason::from_current_exception() noexcept {
  try {
    throw;
  } catch (const exit_request& request) {
    return request.reason;
  } catch (const std::exception& e) {
    return error(demangled(typeid(e).name()), e.what());
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return error(type == nullptr ? "unknown" : demangled(type->name()), "");
  }
}

std::string_view exit_reason::type() const noexcept {
  return detail_ == nullptr ? std::string_view() : detail_->type;
}

std::string_view exit_reason::text() const noexcept {
  return detail_ == nullptr ? std::string_view() : detail_->text;
}

const message* exit_reason::own_value() const noexcept {
  return detail_ == nullptr || !detail_->value ? nullptr : &detail_->value;
}

bool operator==(const exit_reason& a, const exit_reason& b) noexcept {
  if (a.kind_ != b.kind_) return false;
  if (a.detail_ == b.detail_) return true;
  // Of all but errors the text is detail for people: noconnection is noconnection.
  if (a.kind_ == exit_reason::kind::error) return a.type() == b.type() && a.text() == b.text();
  const message* x = a.own_value();
  const message* y = b.own_value();
  if (x == nullptr || y == nullptr) return x == y;
  if (&x->type() != &y->type()) return false;
  // A reason that was decoded does not know how to compare; the one that was made here does.
  const auto equal = a.detail_->equal != nullptr ? a.detail_->equal : b.detail_->equal;
  return equal != nullptr && equal(x->value(), y->value());
}

std::string to_string(const exit_reason& reason) {
  using kind = exit_reason::kind;
  const message* value = reason.own_value();
  std::string own =
      value == nullptr ? std::string() : to_text(*value->type().value, value->value());
  switch (reason.what()) {
    case kind::normal: return "normal";
    case kind::shutdown: return value == nullptr ? "shutdown" : "shutdown " + own;
    case kind::kill: return "kill";
    case kind::killed: return "killed";
    case kind::noproc: return "noproc";
    case kind::noconnection:
      return reason.text().empty() ? "noconnection"
                                   : fmt::format("noconnection: {}", reason.text());
    case kind::error:
      return reason.text().empty() ? fmt::format("error {}", reason.type())
                                   : fmt::format("error {}: {}", reason.type(), reason.text());
    case kind::user: return own;
  }
  return "unknown";
}

call_error::call_error(std::string_view request, const std::string& to, exit_reason why)
    : reason_(std::move(why)),
      text_(fmt::format("call of {} to {} got no answer: {}", request, to, to_string(reason_))) {}

}  // namespace troupe
