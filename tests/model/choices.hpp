#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace troupe::model {

// The choices of one execution and, from one execution to the next, a depth-first walk through all
// of them. An execution is a function of its choices, so the vector of them replays it.
class choices {
 public:
  // One of 0 .. count - 1. Where there is one only, nothing is recorded.
  std::size_t choose(std::size_t count) {
    if (count == 1) return 0;
    if (at_ == made_.size()) made_.push_back({0, static_cast<std::uint16_t>(count)});
    return made_[at_++].taken;
  }

  // To the next execution; false if all have been.
  bool next() {
    at_ = 0;
    while (!made_.empty() && made_.back().taken + 1 == made_.back().count) made_.pop_back();
    if (made_.empty()) return false;
    ++made_.back().taken;
    return true;
  }
  // The same execution again.
  void rewind() noexcept { at_ = 0; }

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& c : made_) {
      if (!all.empty()) all += '.';
      all += std::to_string(c.taken);
    }
    return all;
  }
  // Of what `text` gave. Later choices are the first there is.
  void set(const std::string& text) {
    made_.clear();
    at_ = 0;
    for (std::size_t i = 0; i < text.size();) {
      std::size_t digits = 0;
      const int taken = std::stoi(text.substr(i), &digits);
      made_.push_back({static_cast<std::uint16_t>(taken), no_count});
      i += digits + 1;
    }
  }

 private:
  static constexpr std::uint16_t no_count = 0xffff;
  struct choice {
    std::uint16_t taken;
    std::uint16_t count;
  };
  std::vector<choice> made_;
  std::size_t at_ = 0;
};

}  // namespace troupe::model
