#pragma once

#include <troupe/net/tls.hpp>

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "reactor/tls_context.hpp"

namespace troupe::net {

/// What a file is for decides who may read it.
enum class pem_content { open_to_all, secret };

/// The file, of which `what` is the text of errors: `the TLS key file`. Blocks on the disk.
[[nodiscard]] io_result<pem_file> read_pem_file(const std::filesystem::path& path,
                                                const std::string& what, pem_content kind);

/// The TLS files of one node, and what they held when they were last right. For one thread at a
/// time; reads the disk.
class tls_files {
 public:
  /// A longer file is a wrong one.
  static constexpr std::size_t max_file_bytes = std::size_t{1} << 20;

  /// `uri` is what the certificate must name.
  tls_files(tls_options paths, std::string uri) : paths_(std::move(paths)), uri_(std::move(uri)) {}

  /// Reads the files, if one has changed since the last time: three `stat` if none has. What is
  /// wrong with them is told once for each change; the current context stays as it is then.
  [[nodiscard]] std::optional<io_error> refresh();
  /// Null until a `refresh` found all right.
  [[nodiscard]] tls_context* current() const noexcept { return current_.get(); }

 private:
  // Of a file: when it is another, its content may be. All zeros if it is not there.
  struct stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t written_s = 0, written_ns = 0, changed_s = 0, changed_ns = 0;
    friend bool operator==(const stamp&, const stamp&) = default;
  };
  using stamps = std::array<stamp, 3>;
  [[nodiscard]] static stamp stamp_of(const std::filesystem::path& file) noexcept;
  [[nodiscard]] io_result<std::shared_ptr<tls_context>> load() const;

  const tls_options paths_;
  const std::string uri_;
  std::optional<stamps> seen_;
  std::shared_ptr<tls_context> current_;
};

}  // namespace troupe::net
