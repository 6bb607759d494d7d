#include <troupe/bytes.hpp>

#include <algorithm>
#include <stdexcept>

namespace troupe {

bytes::bytes(std::span<const std::byte> data) {
  if (data.empty()) return;
  const auto copy = std::make_shared_for_overwrite<std::byte[]>(data.size());
  std::ranges::copy(data, copy.get());
  data_ = {copy.get(), data.size()};
  owner_ = copy;
}

bytes::bytes(std::string_view text) : bytes(std::as_bytes(std::span(text))) {}

bytes::bytes(std::string&& text) {
  if (text.empty()) return;
  const auto kept = std::make_shared<const std::string>(std::move(text));
  data_ = std::as_bytes(std::span(*kept));
  owner_ = kept;
}

bytes::bytes(std::vector<std::byte>&& data) {
  if (data.empty()) return;
  const auto kept = std::make_shared<const std::vector<std::byte>>(std::move(data));
  data_ = *kept;
  owner_ = kept;
}

bytes bytes::part(std::size_t offset, std::size_t count) const {
  if (offset > size())
    throw std::out_of_range("troupe: a part of bytes from " + std::to_string(offset) +
                            " on, where there are only " + std::to_string(size()));
  bytes out;
  out.data_ = data_.subspan(offset, std::min(count, size() - offset));
  if (!out.empty()) out.owner_ = owner_;
  return out;
}

}  // namespace troupe
