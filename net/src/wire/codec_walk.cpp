#include "wire/codec_walk.hpp"

namespace troupe::net {
namespace {

void append_path(std::string& to, const place* at) {
  if (at == nullptr) return;
  append_path(to, at->within);
  to.append(at->type->name).append(", field ").append(std::to_string(at->field)).append(": ");
}

}  // namespace

bool walk::fail(codec_error::cause what, const type_info& type, std::string_view why) {
  error.emplace();
  error->what = what;
  append_path(error->text, at);
  error->text.append(type.name).append(" ").append(why);
  return false;
}

bool walk::takes_too_much(const type_info& type) {
  return fail(codec_error::cause::too_large, type,
              "takes the message above the " + std::to_string(bounds.decoded_bytes()) +
                  " bytes that one may take in memory; cut it in several messages, or raise "
                  "max_message_bytes on all nodes");
}

bool walk::too_large(const type_info& type) {
  return fail(codec_error::cause::too_large, type,
              "takes the message above the " + std::to_string(longest) +
                  " bytes that one may have; cut it in several messages, or raise "
                  "max_message_bytes on all nodes");
}

bool walk::too_deep(const type_info& type) {
  return fail(codec_error::cause::too_deep, type,
              "is nested deeper than " + std::to_string(max_message_nesting) +
                  " messages; send a sequence in the place of a chain");
}

std::optional<codec_error> walk::threw(const type_info& type, std::string_view what) {
  // The places along the way are gone: the exception has left their scopes.
  fail(codec_error::cause::threw, type, std::string("threw: ").append(what));
  return std::move(error);
}

}  // namespace troupe::net
