#include "platform/cookie_file.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "platform/environment.hpp"
#include "platform/peer_environment.hpp"

namespace troupe::net {
namespace {

using cause = cookie_error::cause;

class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

// Wiped after use.
struct secret_buffer {
  std::array<char, cookie::max_bytes> text{};
  std::size_t size = 0;

  secret_buffer() = default;
  secret_buffer(const secret_buffer&) = delete;
  secret_buffer& operator=(const secret_buffer&) = delete;
  ~secret_buffer() { OPENSSL_cleanse(text.data(), text.size()); }
};

std::string system_text(int error) { return std::generic_category().message(error); }

std::string in_octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return text.data();
}

cookie_error cannot_read(const std::string& path, int error) {
  return {cause::unreadable,
          "cannot read the cookie file " + path + ": " + system_text(error) +
              "; let the user that runs this program own and read it (chmod 400 " + path + ")"};
}

cookie_error no_cookie(const std::string& place) {
  return {
      cause::missing,
      "there is no cookie, the secret by which the nodes of a cluster know each other: give the "
      "node option .cookie, set " +
          std::string(cookie_variable) + ", or " + place +
          "; make one with: " + std::string(cookie::how_to_make)};
}

// Judges the open file, not its name: nobody can exchange it between the check and the reading.
std::optional<cookie_error> check_file(const struct stat& file, const std::string& path) {
  constexpr mode_t owner_may_use = S_IRUSR | S_IWUSR;
  const mode_t mode = file.st_mode & mode_t{07777};
  if (!S_ISREG(file.st_mode))
    return cookie_error{cause::not_a_file, "the cookie file " + path +
                                               " is not a regular file: name a file that holds the "
                                               "cookie, made with: " +
                                               std::string(cookie::how_to_make)};
  if (file.st_uid != ::geteuid())
    return cookie_error{cause::not_ours, "the cookie file " + path + " belongs to user " +
                                             std::to_string(file.st_uid) +
                                             " and this program runs as user " +
                                             std::to_string(::geteuid()) +
                                             ": chown it, or give this user a file of its own"};
  if ((mode & ~owner_may_use) != 0)
    return cookie_error{cause::exposed,
                        "the cookie file " + path + " has mode " + in_octal(mode) +
                            ", and only its owner may have rights to it: chmod 400 " + path};
  if (file.st_size > static_cast<off_t>(cookie::max_bytes))
    return cookie_error{
        cause::too_long,
        "the cookie file " + path + " is longer than " + std::to_string(cookie::max_bytes) +
            " bytes: this is not a cookie; make one with: " + std::string(cookie::how_to_make)};
  return std::nullopt;
}

std::variant<cookie, cookie_error> read_file(const std::string& path) {
  // Without O_NONBLOCK the opening of a pipe would wait for its writer.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return no_cookie("make the file " + path);
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return cannot_read(path, errno);
  if (auto error = check_file(status, path)) return *std::move(error);

  secret_buffer secret;
  while (secret.size < secret.text.size()) {
    const ssize_t got =
        ::read(file.get(), secret.text.data() + secret.size, secret.text.size() - secret.size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(path, errno);
    if (got == 0) break;
    secret.size += static_cast<std::size_t>(got);
  }
  return cookie::from_text({secret.text.data(), secret.size}, "the file " + path);
}

}  // namespace

std::variant<cookie, cookie_error> load_cookie(const cookie_source& source) {
  if (source.text) return cookie::from_text(*source.text, "the node option .cookie");
  if (const std::string* sent = sent_variable(cookie_variable))
    return cookie::from_text(*sent, "the cookie that the parent of this peer sent");
  if (const char* variable = std::getenv(cookie_variable))
    return cookie::from_text(variable, "the environment variable " + std::string(cookie_variable));
  if (!source.file.empty()) return read_file(source.file.string());
  if (const std::string file = environment_value(cookie_file_variable); !file.empty())
    return read_file(file);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0')
    return no_cookie("set HOME to where the file .troupe.cookie is");
  return read_file((std::filesystem::path(home) / ".troupe.cookie").string());
}

}  // namespace troupe::net
