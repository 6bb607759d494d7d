#pragma once

#include <troupe/compiler.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Bytes that never change, so that processes may share them: a copy costs a counter, whatever the
/// size. For what is large and goes to many or through many, as the body of an HTTP request does;
/// another node gets its own. A message is measured with all bytes that it holds, shared or not.
/// (Erlang: reference-counted binaries.)
///
///     troupe::bytes page(read_file("index.html"));              // takes the string over
///     for (troupe::pid p : workers) self.send(p, work{page});   // one page in memory
///
/// Any thread; one object is changed, by assignment, in one place at a time.
class bytes {
 public:
  bytes() noexcept = default;
  /// Copies them, once.
  explicit bytes(std::span<const std::byte> data);
  explicit bytes(std::string_view text);
  /// Take over what there is, without a copy.
  explicit bytes(std::string&& text);
  explicit bytes(std::vector<std::byte>&& data);
  explicit bytes(const char* text) : bytes(std::string_view(text)) {}

  [[nodiscard]] const std::byte* data() const noexcept { return data_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return data_.size(); }
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return data_.begin(); }
  [[nodiscard]] auto end() const noexcept { return data_.end(); }
  [[nodiscard]] std::span<const std::byte> span() const noexcept { return data_; }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(data_.data()), data_.size()};
  }
  /// `count` bytes from `offset` on, fewer if there are not so many. They share the memory and keep
  /// all of it; `troupe::bytes(part.span())` is a copy that does not. Throws std::out_of_range if
  /// the offset is beyond the end. (Erlang: binary:part/3.)
  [[nodiscard]] bytes part(std::size_t offset, std::size_t count = std::string_view::npos) const;

  friend bool operator==(const bytes& a, const bytes& b) noexcept { return a.text() == b.text(); }

 private:
  std::shared_ptr<const void> owner_;  // null if there are none
  std::span<const std::byte> data_;
};

}  // namespace troupe
