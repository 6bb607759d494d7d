#pragma once

#include <troupe/reflection.hpp>

#include <string>

namespace troupe::net {

namespace internal {
[[nodiscard]] std::string proto_text(const type_info& type);
}

/// A .proto file (proto3) with the messages in which T crosses the network, T's own first, so that
/// programs in other languages can read and write it. A C++ class has numbers and no names for its
/// fields as far as reflection sees, so field 1 is `field_1`; rename at will, because names are not
/// on the wire. Fields are `optional` where one that is left out keeps the default that T gives it,
/// which need not be zero. A `string` holds whatever bytes the C++ program put in it: make it
/// `bytes` where these may not be UTF-8. Classes made by protoc are imported from their own file.
///
///     struct add { int by = 1; };
///     std::cout << troupe::net::proto_of<add>();  // ... message add { optional sint32 field_1 =
///     1; }
///
/// Throws std::invalid_argument, with the way to the part, if T cannot cross the network.
template <class T>
[[nodiscard]] std::string proto_of() {
  return internal::proto_text(type_of<T>);
}

}  // namespace troupe::net
