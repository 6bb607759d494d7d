#include "reactor/tls_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "platform/descriptor.hpp"
#include "platform/peer_environment.hpp"
#include "reactor/errors.hpp"

namespace troupe::net {
namespace {

// PostgreSQL's rule for its key: only its owner has rights to it, and if that is root a group may
// read it, which is how distributions keep keys for servers.
std::optional<std::string> check_secret(const struct stat& file, const std::string& what) {
  const bool owned_by_root = file.st_uid == 0;
  if (!owned_by_root && file.st_uid != ::geteuid())
    return what + " belongs to user " + std::to_string(file.st_uid) +
           " and this program runs as user " + std::to_string(::geteuid()) +
           ": chown it, or give this user a file of its own";
  const mode_t allowed = S_IRUSR | S_IWUSR | (owned_by_root ? S_IRGRP : mode_t{0});
  if ((file.st_mode & ALLPERMS & ~allowed) == 0) return std::nullopt;
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", file.st_mode & ALLPERMS);
  return what + " has mode " + mode.data() +
         ", and nobody but its owner may have rights to it: chmod 400";
}

io_result<pem_file> read_file(const std::filesystem::path& path, const std::string& role,
                              const char* variable, pem_content kind) {
  if (path.empty())
    return io_error{io_errc::tls, "TLS needs three files, and tls_options::" + role + " (or " +
                                      variable + ") names none"};
  return read_pem_file(path, "the TLS " + role + " file", kind);
}

}  // namespace

// Judges the open file, not its name: nobody can exchange it in between.
io_result<pem_file> read_pem_file(const std::filesystem::path& path, const std::string& role,
                                  pem_content kind) {
  const std::string what = role + ' ' + path.string();
  // Without O_NONBLOCK the opening of a pipe would wait for its writer.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0)
    return io_error{io_errc::tls, "cannot read " + what + ": " + last_error().message() +
                                      "; name a file that the user of this program can read"};
  if (!S_ISREG(status.st_mode)) return io_error{io_errc::tls, what + " is not a regular file"};
  if (kind == pem_content::secret)
    if (const auto exposed = check_secret(status, what)) return io_error{io_errc::tls, *exposed};
  pem_file read{path.string(), {}};
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return io_error{io_errc::tls, "cannot read " + what + ": " + last_error().message()};
    if (got == 0) return read;
    read.text.append(part.data(), static_cast<std::size_t>(got));
    if (read.text.size() > tls_files::max_file_bytes)
      return io_error{io_errc::tls, what + " is too long for one: see that it is the right file"};
  }
}

tls_files::stamp tls_files::stamp_of(const std::filesystem::path& file) noexcept {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return {};
  return {status.st_dev,         status.st_ino,          status.st_size,
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

std::optional<io_error> tls_files::refresh() {
  // Before they are read: a change while they are shows at the next look.
  const stamps now{stamp_of(paths_.certificate), stamp_of(paths_.key), stamp_of(paths_.authority)};
  if (seen_ == now) return std::nullopt;
  seen_ = now;
  auto made = load();
  if (!made) return made.error();
  current_ = std::move(*made);
  return std::nullopt;
}

io_result<std::shared_ptr<tls_context>> tls_files::load() const {
  auto certificate = read_file(paths_.certificate, "certificate", tls_certificate_variable,
                               pem_content::open_to_all);
  if (!certificate) return certificate.error();
  auto key = read_file(paths_.key, "key", tls_key_variable, pem_content::secret);
  if (!key) return key.error();
  auto authority =
      read_file(paths_.authority, "authority", tls_authority_variable, pem_content::open_to_all);
  if (!authority) return authority.error();
  return tls_context::make(*certificate, *key, *authority, uri_);
}

}  // namespace troupe::net
