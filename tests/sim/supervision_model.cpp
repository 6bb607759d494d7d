#include "sim/supervision_model.hpp"

#include <algorithm>

namespace troupe_test::supervision {

namespace {
constexpr auto blur = std::chrono::milliseconds(1);
}

model::unit model::made(const plan& p) {
  unit u{p, false, {}, {}};
  for (const plan& child : p.children) u.children.push_back(made(child));
  return u;
}

std::string model::end_of(const plan& leaf, const std::string& how) {
  return "end " + leaf.id + (leaf.what == kind::slow ? " " + how : "");
}

void model::start() { start(top_); }

// A leaf that runs, and its supervisor.
model::unit* model::find(unit& in, const std::string& id, unit** its_supervisor) {
  for (unit& u : in.children) {
    if (u.what.id == id && u.running) {
      if (its_supervisor != nullptr) *its_supervisor = &in;
      return &u;
    }
    if (unit* const found = find(u, id, its_supervisor)) return found;
  }
  return nullptr;
}

model::unit* model::above(unit& in, const unit& child) {
  for (unit& u : in.children) {
    if (&u == &child) return &in;
    if (unit* const found = above(u, child)) return found;
  }
  return nullptr;
}

std::vector<steady_time> model::restarts_around(const std::string& id) {
  unit* supervisor = nullptr;
  find(top_, id, &supervisor);
  return supervisor->restarts;
}

const plan* model::supervisor_of(const std::string& id) {
  unit* supervisor = nullptr;
  find(top_, id, &supervisor);
  return &supervisor->what;
}

void model::end(const std::string& id, ended how, steady_time known) {
  unit* supervisor = nullptr;
  unit* const leaf = find(top_, id, &supervisor);
  say(end_of(leaf->what, how == ended::by_kill ? "killed" : "by itself"));
  leaf->running = false;
  const auto index = static_cast<std::size_t>(leaf - supervisor->children.data());
  const bool meant = how == ended::normally || how == ended::by_shutdown;
  child_ended(*supervisor, index, meant, known, true);
}

// In order; what fails is undone in the reverse order.
bool model::start(unit& u) {
  if (u.what.what == kind::subtree) {
    u = made(u.what);
    for (unit& child : u.children) {
      if (start(child)) continue;
      for (std::size_t i = u.children.size(); i-- > 0;) stop(u.children[i]);
      return false;
    }
  } else {
    say("start " + u.what.id);
    if (u.what.what == kind::server) {
      if (ignoring_.erase(u.what.id) != 0) return say("ignore " + u.what.id), true;
      int& failing = failing_[u.what.id];
      say((failing > 0 ? "fail " : "init ") + u.what.id);
      if (failing > 0) return --failing, false;
    }
  }
  return u.running = true;
}

void model::stop(unit& u) {
  if (!u.running) return;
  if (u.what.what == kind::subtree)
    for (std::size_t i = u.children.size(); i-- > 0;) stop(u.children[i]);
  else
    say(end_of(u.what, u.what.takes < u.what.limit ? "in time" : "killed"));
  u.running = false;
}

void model::child_ended(unit& supervisor, std::size_t index, bool meant, steady_time now,
                        bool exact) {
  const plan& child = supervisor.children[index].what;
  const bool significant = child.significant;
  const bool temporary = child.type == restart_type::temporary;
  if (!temporary && !(meant && child.type == restart_type::transient))
    return restart(supervisor, index, now, exact);
  if (temporary)
    supervisor.children.erase(supervisor.children.begin() + static_cast<std::ptrdiff_t>(index));
  if (!significant || !is_over(supervisor)) return;
  ended_by_itself_ = true;
  end_with_children(supervisor, now);
}

// A significant child has ended and does not come back.
bool model::is_over(const unit& supervisor) {
  return supervisor.what.auto_shutdown == troupe::auto_shutdown::any_significant ||
         std::none_of(supervisor.children.begin(), supervisor.children.end(),
                      [](const unit& u) { return u.what.significant && u.running; });
}

// With `shutdown`, because it gives up or because its significant children have ended.
void model::end_with_children(unit& supervisor, steady_time now) {
  unit* const higher = above(top_, supervisor);
  stop(supervisor);
  if (higher == nullptr) return;
  const auto its = static_cast<std::size_t>(&supervisor - higher->children.data());
  child_ended(*higher, its, true, now, false);
}

// At most `intensity` restarts in a period, this one and one exactly as old as the period included.
bool model::allow(unit& supervisor, steady_time now, bool exact) {
  const steady_time edge = now - supervisor.what.period;
  supervisor.restarts.push_back(now);
  const auto distance = [&](steady_time r) { return r < edge ? edge - r : r - edge; };
  for (const steady_time r : supervisor.restarts)
    unsure_ = unsure_ || (!exact && distance(r) < blur);
  return std::count_if(supervisor.restarts.begin(), supervisor.restarts.end(),
                       [&](steady_time r) { return r >= edge; }) <= supervisor.what.intensity;
}

steady_time model::time_of_last() const {
  return expected_.size() <= seen_.size() ? seen_[expected_.size() - 1].when : steady_time{};
}

void model::restart(unit& supervisor, std::size_t index, steady_time now, bool exact) {
  auto& children = supervisor.children;
  for (;;) {
    if (!allow(supervisor, now, exact)) return end_with_children(supervisor, now);
    const bool alone = supervisor.what.strategy == strategy_kind::one_for_one;
    const std::size_t first = supervisor.what.strategy == strategy_kind::one_for_all ? 0 : index;
    const std::string ended = children[index].what.id;
    if (!alone)
      for (std::size_t i = children.size(); i-- > first;) stop(children[i]);
    const std::size_t count = alone ? 1 : children.size() - first;
    std::vector<std::string> again;
    for (std::size_t i = first; i < first + count; ++i)
      if (children[i].what.type != restart_type::temporary || children[i].what.id == ended)
        again.push_back(children[i].what.id);
    std::erase_if(children, [&](const unit& u) {
      return !u.running && u.what.type == restart_type::temporary && u.what.id != ended;
    });
    bool done = true;
    for (std::size_t i = 0; i < children.size() && done; ++i) {
      if (std::find(again.begin(), again.end(), children[i].what.id) == again.end()) continue;
      done = start(children[i]);
      if (!done) index = i;
    }
    if (done) return;
    now = time_of_last();
    exact = false;
  }
}

}  // namespace troupe_test::supervision
