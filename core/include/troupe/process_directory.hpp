#pragma once
// Processes found under keys: what registries and process groups have in common. Nothing here is
// for users to name.

#include <troupe/context.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace troupe::internal {

template <class Value>
struct directory_entry {
  pid process;
  [[no_unique_address]] Value value;
};

// What a directory does without knowing of what type keys and values are: its locks, and that it
// hears of the end of each process before anybody else does. Any thread.
class directory : public std::enable_shared_from_this<directory> {
 public:
  explicit directory(engine& home);
  virtual ~directory();
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  [[nodiscard]] engine& home() const noexcept { return home_; }
  // The process, met. Throws std::logic_error if it is one of another system.
  pid meet(const context& self);
  // Before something of a process of this system is entered. Not with a lock held.
  void meet(pid process);
  // The same for one that has not started, which must keep what this gives.
  [[nodiscard]] std::unique_ptr<kept_until_end> meet_newborn(pid process);
  // The process has ended.
  void ended(pid process) noexcept;

 protected:
  // Keys are spread over shards, so that reads of different keys do not meet. Who changes
  // something holds `changes`, and a shard while it touches that; who reads one key needs its shard
  // only, and who reads everything needs `changes` only.
  static constexpr std::size_t shards = 16;
  static constexpr std::size_t changes = shards;
  enum class access : std::uint8_t { shared, alone };
  class locked {
   public:
    locked(const directory& of, std::size_t which, access how);
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked();

   private:
    const directory& of_;
    std::size_t which_;
    access how_;
  };

  // With `changes` held: whether the process lives and has been met. Only then may it be entered.
  [[nodiscard]] bool knows(pid process) const { return known_.contains(process); }
  // All that was entered of the process is to go. `changes` is held.
  virtual void forget(pid process) = 0;

 private:
  class end_notice;
  struct locks;
  engine& home_;
  std::unique_ptr<locks> locks_;
  std::unordered_set<pid> known_;  // their ends will be told
};

// Makes a reference of the running process, and drops messages of a reference from its mailbox.
[[nodiscard]] monitor_ref next_ref();
void drop_events(monitor_ref ref, bool (*is_one)(const message_node&, monitor_ref));

// `Events` names the messages by which watching processes learn what changes, `added` and
// `removed`, makes them by `make<Event>(ref, key, entries)`, and says in `together` whether all
// entries of one change are in one message.
template <class Key, class Value, class Events>
class directory_of : public directory {
 public:
  using entry = directory_entry<Value>;
  using entries = std::vector<entry>;
  using directory::directory;

  // --- reads ---

  [[nodiscard]] entries find(const Key& key) const {
    return read(key, [](const entries& found) { return found; });
  }
  // The process that was entered first, or none.
  [[nodiscard]] pid first(const Key& key) const {
    return read(key, [](const entries& found) { return found.empty() ? pid{} : found[0].process; });
  }
  template <class Function>
  auto read(const Key& key, Function function) const {
    static const entries none;
    const std::size_t which = shard_of(key);
    const locked hold(*this, which, access::shared);
    const auto at = tables_[which].find(key);
    return function(at == tables_[which].end() ? none : at->second);
  }
  // All keys, no change between.
  template <class Function>
  void each(Function function) const {
    const locked hold(*this, changes, access::shared);
    each_held(function);
  }
  // A key as often as the process is under it.
  [[nodiscard]] std::vector<Key> keys_of(pid process) const {
    const locked hold(*this, changes, access::shared);
    std::vector<Key> keys;
    if (const auto at = presences_.find(process); at != presences_.end())
      for (const auto& [key, times] : at->second.times) keys.insert(keys.end(), times, key);
    return keys;
  }
  [[nodiscard]] std::size_t size() const {
    const locked hold(*this, changes, access::shared);
    return size_;
  }

  // --- changes, of processes that were met ---

  // None, or who has the key already: then nothing changes.
  pid add_alone(const Key& key, const entry& what) {
    const locked hold(*this, changes, access::alone);
    if (const pid holder = first(key)) return holder;
    enter(key, std::span(&what, 1));
    return {};
  }
  // Those of this system that have ended are left out; of others only who enters them can know.
  void add(const Key& key, entries what) {
    const locked hold(*this, changes, access::alone);
    std::erase_if(what, [this](const entry& e) { return e.process.local() && !knows(e.process); });
    enter(key, what);
  }
  // Of the process's entries under the key those for which `which(n)` holds, n = 0 the oldest.
  template <class Which>
  std::size_t remove(const Key& key, pid process, Which which) {
    const locked hold(*this, changes, access::alone);
    std::size_t n = 0;
    return take_out_and_tell(key,
                             [&](const entry& e) { return e.process == process && which(n++); });
  }
  // Of each process the oldest entry under the key, as often as it is named; one event for all.
  std::size_t remove_once(const Key& key, std::span<const pid> processes) {
    const locked hold(*this, changes, access::alone);
    std::unordered_map<pid, std::size_t> named;
    for (const pid p : processes) ++named[p];
    return take_out_and_tell(key, [&](const entry& e) {
      const auto at = named.find(e.process);
      if (at == named.end() || at->second == 0) return false;
      --at->second;
      return true;
    });
  }
  // Of all keys the entries for which `which(entry)` holds; one event for each key.
  template <class Which>
  void remove_all(Which which) {
    const locked hold(*this, changes, access::alone);
    std::vector<Key> keys;
    const auto look = [&](const Key& key, const entries& found) {
      if (std::ranges::any_of(found, which)) keys.push_back(key);
    };
    each_held(look);
    for (const Key& key : keys) take_out_and_tell(key, which);
  }
  // Changes the value of the process's oldest entry under the key; false if it has none.
  bool replace(const Key& key, pid process, Value value) {
    const std::size_t which = shard_of(key);
    const locked one_at_a_time(*this, changes, access::alone);
    const locked hold(*this, which, access::alone);
    const auto at = tables_[which].find(key);
    if (at == tables_[which].end()) return false;
    const auto own = std::ranges::find(at->second, process, &entry::process);
    if (own == at->second.end()) return false;
    own->value = std::move(value);
    return true;
  }

  // --- events: all who watch get those of all keys in one order, that of the changes ---

  // For the running process: `function` sees what is there, and every change after it is told.
  template <class Function>
  monitor_ref watch(const context& self, const Key& key, Function function) {
    return begin_watching(self, [&](watcher one) {
      watchers_of_[key].push_back(one);
      presences_[one.process].watched.push_back(key);
      function(find(key));
    });
  }
  template <class Function>
  monitor_ref watch_all(const context& self, Function function) {
    return begin_watching(self, [&](watcher one) {
      watchers_.push_back(one);
      each_held(function);
    });
  }
  // For the running process: none of its messages is seen after this. False if there is no such.
  bool unwatch(pid self, monitor_ref ref) {
    {
      const locked hold(*this, changes, access::alone);
      if (!stop_watching(self, ref)) return false;
    }
    drop_events(ref, [](const message_node& node, monitor_ref wanted) {
      return is_event<typename Events::added>(node, wanted) ||
             is_event<typename Events::removed>(node, wanted);
    });
    return true;
  }

 private:
  struct watcher {
    pid process;
    monitor_ref ref;
  };
  struct presence {
    std::unordered_map<Key, std::size_t> times;  // that it is under a key
    std::vector<Key> watched;
  };

  // A hash of an integer may be that integer: a multiplication spreads it.
  [[nodiscard]] static std::size_t shard_of(const Key& key) {
    const std::uint64_t spread = std::uint64_t{std::hash<Key>()(key)} * 0x9e3779b97f4a7c15u;
    return (spread >> 32) % shards;
  }

  template <class Function>
  void each_held(Function& function) const {
    for (const auto& table : tables_)
      for (const auto& [key, found] : table) function(key, found);
  }

  void enter(const Key& key, std::span<const entry> what) {
    if (what.empty()) return;
    for (const entry& e : what) ++presences_[e.process].times[key];
    {
      const std::size_t which = shard_of(key);
      const locked hold(*this, which, access::alone);
      entries& there = tables_[which][key];
      there.insert(there.end(), what.begin(), what.end());
    }
    size_ += what.size();
    tell<typename Events::added>(key, what);
  }

  template <class Which>
  std::size_t take_out_and_tell(const Key& key, Which which) {
    const entries out = take_out(key, which);
    tell<typename Events::removed>(key, out);
    return out.size();
  }

  // `which` is asked of each entry once, the oldest first.
  template <class Which>
  entries take_out(const Key& key, Which which) {
    entries out;
    {
      const std::size_t index = shard_of(key);
      const locked hold(*this, index, access::alone);
      const auto at = tables_[index].find(key);
      if (at == tables_[index].end()) return out;
      entries& there = at->second;
      std::vector<bool> goes;  // all are asked before one is touched: a user's `which` may throw
      goes.reserve(there.size());
      for (const entry& e : there) goes.push_back(which(e));
      auto kept = there.begin();
      for (std::size_t i = 0; i < goes.size(); ++i) {
        if (goes[i])
          out.push_back(std::move(there[i]));
        else if (&*kept++ != &there[i])
          *std::prev(kept) = std::move(there[i]);
      }
      there.erase(kept, there.end());
      if (there.empty()) tables_[index].erase(at);
    }
    size_ -= out.size();
    for (const entry& e : out) note_removed(key, e.process);
    return out;
  }

  void note_removed(const Key& key, pid process) {
    const auto at = presences_.find(process);
    if (at == presences_.end()) return;  // it is being forgotten
    presence& own = at->second;
    const auto times = own.times.find(key);
    if (--times->second > 0) return;
    own.times.erase(times);
    if (own.times.empty() && own.watched.empty()) presences_.erase(at);
  }

  template <class Event>
  void tell(const Key& key, std::span<const entry> what) const {
    const std::size_t at_once = Events::together ? what.size() : 1;
    for (; !what.empty(); what = what.subspan(at_once)) {
      const auto now = what.first(at_once);
      tell_all<Event>(watchers_, key, now);
      if (const auto at = watchers_of_.find(key); at != watchers_of_.end())
        tell_all<Event>(at->second, key, now);
    }
  }
  template <class Event>
  void tell_all(const std::vector<watcher>& who, const Key& key,
                std::span<const entry> what) const {
    for (const watcher& w : who)
      send_from(home(), w.process, Events::template make<Event>(w.ref, key, what));
  }
  template <class Event>
  [[nodiscard]] static bool is_event(const message_node& node, monitor_ref ref) {
    return node.type == &message_type_of<Event> &&
           static_cast<const Event*>(node.payload())->ref == ref;
  }

  template <class Function>
  monitor_ref begin_watching(const context& self, Function begin) {
    const watcher one{meet(self), next_ref()};
    const locked hold(*this, changes, access::alone);
    begin(one);
    return one.ref;
  }
  bool stop_watching(pid self, monitor_ref ref) {
    const auto is_it = [&](const watcher& w) { return w.process == self && w.ref == ref; };
    if (std::erase_if(watchers_, is_it) > 0) return true;
    const auto own = presences_.find(self);
    if (own == presences_.end()) return false;
    std::vector<Key>& watched = own->second.watched;
    for (auto key = watched.begin(); key != watched.end(); ++key) {
      const auto at = watchers_of_.find(*key);
      if (std::erase_if(at->second, is_it) == 0) continue;
      if (at->second.empty()) watchers_of_.erase(at);
      watched.erase(key);
      return true;
    }
    return false;
  }

  void forget(pid process) override {
    const auto is_its = [&](const watcher& w) { return w.process == process; };
    std::erase_if(watchers_, is_its);
    const auto own = presences_.extract(process);
    if (own.empty()) return;
    for (const Key& key : own.mapped().watched) {
      const auto at = watchers_of_.find(key);
      if (at == watchers_of_.end()) continue;  // it watched the key twice
      std::erase_if(at->second, is_its);
      if (at->second.empty()) watchers_of_.erase(at);
    }
    const auto is_own = [&](const entry& e) { return e.process == process; };
    for (const auto& [key, times] : own.mapped().times)  // each entry is told by itself
      for (const entry& e : take_out(key, is_own))
        tell<typename Events::removed>(key, std::span(&e, 1));
  }

  std::array<std::unordered_map<Key, entries>, shards> tables_;
  // The rest is guarded by `changes`.
  std::unordered_map<pid, presence> presences_;
  std::vector<watcher> watchers_;  // of all keys
  std::unordered_map<Key, std::vector<watcher>> watchers_of_;
  std::size_t size_ = 0;
};

}  // namespace troupe::internal
