#include "joint.hpp"

#include <caf/actor_cast.hpp>
#include <caf/uniform_type_info_map.hpp>

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

namespace troupe::caf::internal {

using troupe::internal::launch;
using troupe::internal::launch_options;

pid to_pid(joint& between, const ::caf::actor& actor) {
  return actor ? between.adopt(actor, spawn_options{}) : pid{};
}

::caf::actor to_actor(joint& between, pid process) {
  return process ? between.handle(process) : ::caf::actor{};
}

joint::joint(::caf::actor_system& guests, troupe::system& home, std::vector<correspondence> known)
    : guests_(guests), home_(home), known_(std::move(known)) {
  for (const correspondence& c : known_) {
    c.mention();
    by_type_.emplace(c.value, &c);
    if (c.request != nullptr) by_type_.emplace(c.request, &c);
  }
}

// --- who stands for whom ---

void joint::refuse_if_closed() const {
  if (closed_)
    throw std::runtime_error(
        "troupe::caf: the bridge is closed; it must live as long as it is used");
}

pid joint::of_own_face(const ::caf::actor& actor) const {
  const auto* own = dynamic_cast<face*>(::caf::actor_cast<::caf::abstract_actor*>(actor));
  return own != nullptr && own->belongs_to(*this) ? own->process() : pid{};
}

pid joint::adopt(const ::caf::actor& actor, const spawn_options& as) {
  if (!actor)
    throw std::invalid_argument("troupe::caf: adopt needs an actor, but this handle is invalid");
  std::shared_ptr<adopted> stay;  // dies after the lock is free again
  const std::lock_guard hold(lock_);
  refuse_if_closed();
  pid process = of_own_face(actor);
  if (const auto at = adopted_.find(actor); at != adopted_.end()) process = at->second;
  if (process) {
    if (!as.name.empty() && home_.whereis(as.name) != process)
      throw std::logic_error(
          fmt::format("troupe::caf: the actor has the pid {} already, but not the name '{}': name "
                      "it when it is adopted first",
                      to_string(process), as.name));
    if (as.under != nullptr)
      throw std::logic_error(
          fmt::format("troupe::caf: the actor has the pid {} already: register it under a key when "
                      "it is adopted first",
                      to_string(process)));
    return process;
  }
  stay = std::make_shared<adopted>(shared_from_this(), actor);
  try {
    launch_options options{as};
    options.traps_exits = true;  // for the actor to decide on, also before the first turn
    process = launch(home_.home(), options, "troupe::caf::guest", guest, stay, actor_source{}).id;
  } catch (...) {
    stay->actor = nullptr;  // it goes on without us
    throw;
  }
  adopted_.emplace(actor, process);
  pairs_.emplace(process, pair{actor, process});
  return process;
}

::caf::actor joint::handle(pid process) {
  if (!process)
    throw std::invalid_argument("troupe::caf: handle needs a process, but this is no pid");
  std::shared_ptr<shown> stay;  // dies after the lock is free again
  const std::lock_guard hold(lock_);
  refuse_if_closed();
  if (const auto at = pairs_.find(process); at != pairs_.end()) return at->second.actor;
  const auto box = std::make_shared<post_box>();
  auto face = make_face(guests_, weak_from_this(), process, box);
  stay = std::make_shared<shown>(shared_from_this(), face, box);
  pid behind;
  try {
    launch_options options;
    options.monitors = process;  // before anybody has the handle: every end from now on is told
    behind = launch(home_.home(), options, "troupe::caf::host", host, stay, process).id;
  } catch (...) {
    stay->face = nullptr;
    throw;
  }
  box->open(home_.home(), behind);
  pairs_.emplace(process, pair{face, behind});
  return face;
}

bool joint::enter(pid process) {
  const std::lock_guard hold(lock_);
  if (!closed_) entering_.insert(process);
  return !closed_;
}

void joint::become(pid process, const ::caf::actor& actor) {
  const std::lock_guard hold(lock_);
  if (adopted_.contains(actor) || of_own_face(actor))
    throw std::logic_error("troupe::caf: a child needs an actor of its own; this one has a pid");
  adopted_.emplace(actor, process);
  pairs_.emplace(process, pair{actor, process});
  entering_.erase(process);
}

void joint::leave(const ::caf::actor& actor) noexcept {
  const std::lock_guard hold(lock_);
  pid process = of_own_face(actor);
  if (const auto at = adopted_.find(actor); at != adopted_.end()) {
    process = at->second;
    adopted_.erase(at);
    if (parted_.size() == max_parted) parted_.pop_front();
    if (!closed_) parted_.emplace_back(actor.address(), process);
  }
  if (const auto at = pairs_.find(process); at != pairs_.end() && at->second.actor == actor)
    pairs_.erase(at);
}

void joint::give_up(pid process) noexcept {
  const std::lock_guard hold(lock_);
  entering_.erase(process);
}

pid joint::known(const ::caf::actor_addr& address) const {
  const auto actor = ::caf::actor_cast<::caf::actor>(address);  // none if it is destroyed
  const std::shared_lock hold(lock_);
  if (actor) {
    if (const pid process = of_own_face(actor)) return process;
    if (const auto at = adopted_.find(actor); at != adopted_.end()) return at->second;
  }
  for (const auto& [parted, process] : parted_)
    if (parted == address) return process;
  return {};
}

::caf::actor_addr joint::address_of(pid process) const {
  const std::shared_lock hold(lock_);
  const auto at = pairs_.find(process);
  return at == pairs_.end() ? ::caf::actor_addr{} : at->second.actor.address();
}

void joint::close() {
  std::vector<pid> all;
  {
    const std::lock_guard hold(lock_);
    closed_ = true;
    parted_.clear();
    all.assign(entering_.begin(), entering_.end());
    for (const auto& [process, its] : pairs_) all.push_back(its.behind);
  }
  home_.run([&](context self) -> task<> {
    // An answer, or none because the process has ended: in both cases it has let go.
    for (const pid p : all) (void)co_await self.try_call(p, part{}, infinity);
  });
}

bridge_counts joint::counts() const {
  const std::shared_lock hold(lock_);
  return {.adopted = adopted_.size(),
          .handles = pairs_.size() - adopted_.size(),
          .untranslated = untranslated_};
}

// --- which types correspond ---

const correspondence* joint::find(const message_type& type) const {
  const auto at = by_type_.find(&type);
  return at == by_type_.end() ? nullptr : at->second;
}

const correspondence* joint::find(const ::caf::type_erased_tuple& content) const {
  for (const correspondence& c : known_)
    if (c.matches(content)) return &c;
  return nullptr;
}

namespace {

std::string name_of(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : type.name();
}

}  // namespace

std::string joint::text_of(const ::caf::type_erased_tuple& content) const {
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (i > 0) text += ", ";
    const auto type = content.type(i);
    if (type.first == ::caf::type_nr<::caf::atom_value>::value)
      text += content.stringify(i);
    else
      text += type.second != nullptr ? name_of(*type.second) : guests_.types().portable_name(type);
  }
  return "(" + text + ")";
}

std::string joint::known_types() const {
  std::string text;
  for (const correspondence& c : known_)
    text += fmt::format("{}{} as {}", text.empty() ? "" : ", ", c.name, c.elements());
  return text.empty() ? "nothing" : text;
}

std::string joint::untranslated(const ::caf::type_erased_tuple& content, std::string_view to) {
  const std::lock_guard hold(lock_);
  ++untranslated_;
  return fmt::format(
      "troupe::caf: no type of troupe corresponds to CAF's {}, sent to {}; this bridge maps {}: "
      "add "
      "the type to its troupe::caf::types",
      text_of(content), to, known_types());
}

std::string joint::untranslated(const message& what, std::string_view to) {
  const std::lock_guard hold(lock_);
  ++untranslated_;
  return fmt::format(
      "troupe::caf: no message of CAF corresponds to troupe's {}, sent to {}; this bridge maps {}: "
      "add the type to its troupe::caf::types",
      what.name(), to, known_types());
}

void joint::report(const std::string& subject, const std::string& text) {
  {
    const std::lock_guard hold(lock_);
    if (reported_.size() == max_reports || !reported_.insert(subject).second) return;
  }
  home_.log(log_level::warning, text);
}

}  // namespace troupe::caf::internal
