#include <troupe/destination.hpp>

#include <fmt/format.h>

namespace troupe {

std::string to_string(pid p) {
  if (!p) return "<none>";
  return fmt::format("<{}.{}.{}>", p.node, p.slot(), p.generation());
}

std::string to_string(const destination& to) {
  if (!to.named()) return to_string(to.id());
  return to.node().empty() ? to.name() : fmt::format("{} on {}", to.name(), to.node());
}

}  // namespace troupe
