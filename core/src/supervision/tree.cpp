// Supervision trees as text and as JSON.
#include <troupe/system.hpp>

#include "message/json.hpp"
#include "process/inspection.hpp"
#include "runtime/engine.hpp"

#include <fmt/format.h>

namespace troupe {
namespace {

using internal::inspection;
using internal::to_json;

// One process of a tree, or a child that does not run.
struct tree_node {
  child_info child;
  std::optional<inspection> said = {};
  bool knows_children = false;  // a supervisor that has answered
  std::vector<tree_node> children = {};
  std::size_t left_out = 0;  // further children
};

// Asks the processes of a tree, one after the other, all within one time.
class tree_walk {
 public:
  tree_walk(context self, const tree_options& how)
      : self_(self), how_(how), deadline_(later(self.now(), how.within)) {}

  task<tree_node> visit(child_info child) {
    tree_node node{.child = std::move(child)};
    const pid process = node.child.process;
    if (!process) co_return node;
    node.said = co_await internal::inspect(self_, process, time_left());
    if (!node.child.supervises) co_return node;
    auto known = co_await self_.try_call(process, which_children{how_.max_children}, time_left());
    if (!known) co_return node;
    node.knows_children = true;
    auto counts = co_await self_.try_call(process, count_children{}, time_left());
    if (counts && counts->specs > known->size()) node.left_out = counts->specs - known->size();
    for (child_info& next : *known) node.children.push_back(co_await visit(std::move(next)));
    co_return node;
  }

 private:
  [[nodiscard]] std::chrono::nanoseconds time_left() const {
    return std::max(deadline_ - self_.now(), std::chrono::nanoseconds::zero());
  }
  context self_;
  const tree_options& how_;
  steady_time deadline_;
};

std::vector<tree_node> visit_trees(system& in, const tree_options& how) {
  std::vector<pid> tops;
  {
    const std::lock_guard lock(in.home().mutex);
    tops = in.home().trees;
  }
  return in.run([&](context self) -> task<std::vector<tree_node>> {
    std::vector<tree_node> trees;
    tree_walk walk(self, how);
    for (const pid top : tops) {
      if (!in.alive(top)) continue;
      child_info root{.process = top, .state = child_state::running, .supervises = true};
      trees.push_back(co_await walk.visit(std::move(root)));
    }
    co_return trees;
  });
}

constexpr std::string_view text_of(child_state state) {
  switch (state) {
    case child_state::running: return "running";
    case child_state::restarting: return "restarting";
    case child_state::stopped: return "stopped";
  }
  return "";
}

// --- text ---------------------------------------------------------------------------------------

void write_text(std::string& out, const tree_node& node, std::size_t depth) {
  const child_info& c = node.child;
  out.append(2 * depth, ' ');
  if (!c.id.empty()) out += c.id + ' ';
  if (!c.process) {
    out += fmt::format("{}, {} restarts\n", text_of(c.state), c.restarts);
    return;
  }
  out += to_string(c.process);
  if (!node.said) {
    out += fmt::format(" has ended or does not answer, {} restarts", c.restarts);
  } else {
    if (!node.said->name.empty()) out += fmt::format(" named {}", node.said->name);
    out += fmt::format(" ({}) {} restarts, mailbox {}, {} B", node.said->behaviour, c.restarts,
                       node.said->mailbox, node.said->memory);
  }
  if (c.supervises && !node.knows_children) out += ", does not tell its children";
  out += '\n';
  for (const tree_node& child : node.children) write_text(out, child, depth + 1);
  if (node.left_out == 0) return;
  out.append(2 * depth + 2, ' ');
  out += fmt::format("and {} more\n", node.left_out);
}

// --- JSON (RFC 8259) ----------------------------------------------------------------------------

void write_json(std::string& out, const tree_node& node);

void write_json(std::string& out, const std::vector<tree_node>& nodes) {
  out += '[';
  for (const tree_node& node : nodes) {
    if (out.back() != '[') out += ',';
    write_json(out, node);
  }
  out += ']';
}

void write_json(std::string& out, const tree_node& node) {
  const child_info& c = node.child;
  out += fmt::format(R"({{"id":{},"pid":{},"state":{},"supervisor":{},"restarts":{})",
                     to_json(c.id), c.process ? to_json(to_string(c.process)) : "null",
                     to_json(text_of(c.state)), c.supervises, c.restarts);
  if (node.said)
    out += fmt::format(R"(,"name":{},"behaviour":{},"mailbox":{},"memory":{})",
                       to_json(node.said->name), to_json(node.said->behaviour), node.said->mailbox,
                       node.said->memory);
  if (node.knows_children) {
    out += R"(,"children":)";
    write_json(out, node.children);
    out += fmt::format(R"(,"left_out":{})", node.left_out);
  }
  out += '}';
}

}  // namespace

std::string system::tree(const tree_options& how) {
  std::string out;
  for (const tree_node& top : visit_trees(*this, how)) write_text(out, top, 0);
  return out;
}

std::string system::tree_json(const tree_options& how) {
  std::string out;
  write_json(out, visit_trees(*this, how));
  return out;
}

}  // namespace troupe
