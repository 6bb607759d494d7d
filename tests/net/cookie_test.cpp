#include "protocol/cookie.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "platform/cookie_file.hpp"
#include "support/catch.hpp"

namespace troupe::net {
namespace {

using cause = cookie_error::cause;
namespace fs = std::filesystem;

const std::string good = "0123456789abcdef0123456789abcdef";

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string hex(std::span<const std::byte> data) {
  std::string out;
  for (const std::byte byte : data)
    for (const unsigned shift : {4u, 0u})
      out += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> shift & 15u];
  return out;
}

using loaded = std::variant<cookie, cookie_error>;

mac proof_of(const loaded& from) {
  if (const auto* error = std::get_if<cookie_error>(&from)) FAIL(error->text);
  return std::get<cookie>(from).prove(role::dialler, as_bytes("abc"));
}

const cookie_error& error_of(const loaded& from) {
  REQUIRE(std::holds_alternative<cookie_error>(from));
  return std::get<cookie_error>(from);
}

mac proof_of_text(std::string_view text) { return proof_of(cookie::from_text(text, "a test")); }

// A directory of its own and an environment without cookies, both put back at the end.
class place {
 public:
  place() {
    std::string name = (fs::temp_directory_path() / "troupe-cookie-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    if (const char* home = std::getenv("HOME")) home_ = home;
    if (const char* variable = std::getenv(cookie_variable)) variable_ = variable;
    ::setenv("HOME", name.c_str(), 1);
    ::unsetenv(cookie_variable);
  }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() {
    restore("HOME", home_);
    restore(cookie_variable, variable_);
    fs::remove_all(directory_);
  }

  [[nodiscard]] fs::path path(const std::string& file) const { return directory_ / file; }

  fs::path write(const std::string& file, std::string_view text, mode_t mode) const {
    std::ofstream(path(file)) << text;
    REQUIRE(::chmod(path(file).c_str(), mode) == 0);
    return path(file);
  }

 private:
  static void restore(const char* name, const std::optional<std::string>& value) {
    if (value)
      ::setenv(name, value->c_str(), 1);
    else
      ::unsetenv(name);
  }

  fs::path directory_;
  std::optional<std::string> home_;
  std::optional<std::string> variable_;
};

TEST_CASE("a proof is HMAC-SHA-256 under the key that HKDF makes for the role") {
  // Computed with Python's hmac and hashlib from PROTOCOL.md, not with this library.
  const auto secret = cookie::from_text(good, "a test");
  REQUIRE(std::holds_alternative<cookie>(secret));
  CHECK(hex(std::get<cookie>(secret).prove(role::dialler, as_bytes("abc"))) ==
        "d01673dfe54d9e0fd51ec4be700f7f11e4b55ae1e4767e79c1763872dc2fcd3a");
  CHECK(hex(std::get<cookie>(secret).prove(role::acceptor, as_bytes("abc"))) ==
        "879838c3603f48207250b8c944b6329d606b33c485b2842003a0e92ab6f09477");
}

TEST_CASE("a proof is right for its cookie, role and transcript only") {
  const auto made = cookie::from_text(good, "a test");
  const auto other = cookie::from_text(good + "x", "a test");
  const cookie& secret = std::get<cookie>(made);
  const mac proof = secret.prove(role::dialler, as_bytes("abc"));
  CHECK(secret.verify(role::dialler, as_bytes("abc"), proof));
  CHECK_FALSE(secret.verify(role::acceptor, as_bytes("abc"), proof));
  CHECK_FALSE(secret.verify(role::dialler, as_bytes("abd"), proof));
  CHECK_FALSE(std::get<cookie>(other).verify(role::dialler, as_bytes("abc"), proof));
  CHECK_FALSE(secret.verify(role::dialler, as_bytes("abc"), std::span(proof).first(31)));
  CHECK_FALSE(secret.verify(role::dialler, as_bytes("abc"), {}));
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    mac flipped = proof;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(secret.verify(role::dialler, as_bytes("abc"), flipped));
  }
}

TEST_CASE("white space around a cookie does not count and white space within does") {
  CHECK(proof_of_text("\r\n\t " + good + " \n") == proof_of_text(good));
  CHECK(proof_of_text("01234567 89abcdef") != proof_of_text("0123456789abcdef"));
}

TEST_CASE("a cookie that was moved keeps its keys and its source loses them") {
  auto made = cookie::from_text(good, "a test");
  cookie& source = std::get<cookie>(made);
  const mac proof = source.prove(role::dialler, as_bytes("abc"));
  const cookie moved = std::move(source);
  CHECK(moved.verify(role::dialler, as_bytes("abc"), proof));
  // NOLINTNEXTLINE(bugprone-use-after-move): that nothing is left there is what is promised.
  CHECK_FALSE(source.verify(role::dialler, as_bytes("abc"), proof));
}

TEST_CASE("an empty, short or endless cookie is refused with the way to make a good one") {
  struct row {
    std::string text;
    cause what;
    const char* says;
  };
  const row rows[] = {
      {"", cause::too_short, "is empty"},
      {" \n\t\r ", cause::too_short, "is empty"},
      {"012345678901234", cause::too_short, "only 15 bytes"},
      {"monster\n", cause::too_short, "only 7 bytes"},
      {std::string(cookie::max_bytes + 1, 'x'), cause::too_long, "longer than 4096"},
  };
  for (const row& row : rows) {
    const auto made = cookie::from_text(row.text, "the node option .cookie");
    const cookie_error& error = error_of(made);
    CHECK(error.what == row.what);
    CHECK_THAT(error.text, matchers::ContainsSubstring(row.says));
    CHECK_THAT(error.text, matchers::ContainsSubstring("the node option .cookie"));
    CHECK_THAT(error.text, matchers::ContainsSubstring("head -c 32 /dev/urandom | base64"));
    CHECK_THAT(error.text, !matchers::ContainsSubstring("monster"));
  }
  CHECK(proof_of_text(std::string(cookie::min_bytes, 'x')) !=
        proof_of_text(std::string(cookie::max_bytes, 'x')));
}

TEST_CASE("the option comes before the environment and the environment before the file") {
  const place here;
  const std::string from_option = "the-cookie-of-the-option";
  const std::string from_variable = "the-cookie-of-the-variable";
  here.write(".troupe.cookie", good, 0400);
  CHECK(proof_of(load_cookie({})) == proof_of_text(good));
  ::setenv(cookie_variable, from_variable.c_str(), 1);
  CHECK(proof_of(load_cookie({})) == proof_of_text(from_variable));
  CHECK(proof_of(load_cookie({.text = from_option})) == proof_of_text(from_option));
}

TEST_CASE("a source that is there and bad is an error, and the next is not tried") {
  const place here;
  here.write(".troupe.cookie", good, 0400);
  ::setenv(cookie_variable, "", 1);
  const auto from_variable = load_cookie({});
  CHECK(error_of(from_variable).what == cause::too_short);
  CHECK_THAT(error_of(from_variable).text,
             matchers::ContainsSubstring("environment variable TROUPE_COOKIE is empty"));
  const auto from_option = load_cookie({.text = ""});
  CHECK_THAT(error_of(from_option).text, matchers::ContainsSubstring("option .cookie is empty"));
}

TEST_CASE("a named file is read instead of the one in HOME") {
  const place here;
  here.write(".troupe.cookie", "not-this-one-but-the-other", 0400);
  const fs::path named = here.write("named", good + "\n", 0600);
  CHECK(proof_of(load_cookie({.file = named})) == proof_of_text(good));
  fs::create_symlink(named, here.path("link"));
  CHECK(proof_of(load_cookie({.file = here.path("link")})) == proof_of_text(good));
}

TEST_CASE("only the owner may have rights to the cookie file") {
  const place here;
  for (const mode_t mode : {0400u, 0600u}) {
    const fs::path file = here.write("good", good, mode);
    CHECK(proof_of(load_cookie({.file = file})) == proof_of_text(good));
    fs::remove(file);
  }
  for (const mode_t mode : {0644u, 0440u, 0604u, 0420u, 0402u, 0410u, 0401u, 0500u, 04400u}) {
    const fs::path file = here.write("bad", good, mode);
    const auto read = load_cookie({.file = file});
    CHECK(error_of(read).what == cause::exposed);
    CHECK_THAT(error_of(read).text, matchers::ContainsSubstring("chmod 400 " + file.string()));
    fs::remove(file);
  }
  const auto read = load_cookie({.file = here.write("bad", good, 0644)});
  CHECK_THAT(error_of(read).text, matchers::ContainsSubstring("has mode 0644"));
}

TEST_CASE("a missing cookie says all three places where it may be given") {
  const place here;
  const auto missing = load_cookie({});
  CHECK(error_of(missing).what == cause::missing);
  for (const char* said : {".cookie", "TROUPE_COOKIE", "head -c 32", "chmod 400"})
    CHECK_THAT(error_of(missing).text, matchers::ContainsSubstring(said));
  CHECK_THAT(error_of(missing).text,
             matchers::ContainsSubstring(here.path(".troupe.cookie").string()));

  ::unsetenv("HOME");
  const auto homeless = load_cookie({});
  CHECK(error_of(homeless).what == cause::missing);
  CHECK_THAT(error_of(homeless).text, matchers::ContainsSubstring("set HOME"));
}

TEST_CASE("what is no regular file is refused and never waited for") {
  const place here;
  REQUIRE(::mkfifo(here.path("pipe").c_str(), 0400) == 0);
  for (const fs::path& path : {here.path("pipe"), here.path(""), fs::path("/dev/zero")}) {
    const auto read = load_cookie({.file = path});
    CHECK(error_of(read).what == cause::not_a_file);
    CHECK_THAT(error_of(read).text, matchers::ContainsSubstring("not a regular file"));
  }
}

TEST_CASE("a file that is too long, empty or below another file is refused") {
  const place here;
  const auto check = [](const fs::path& file, cause what) {
    const auto read = load_cookie({.file = file});
    CHECK(error_of(read).what == what);
    CHECK_THAT(error_of(read).text, matchers::ContainsSubstring(file.string()));
  };
  const fs::path longest = here.write("longest", std::string(cookie::max_bytes, 'x'), 0400);
  CHECK(proof_of(load_cookie({.file = longest})) ==
        proof_of_text(std::string(cookie::max_bytes, 'x')));
  check(here.write("long", std::string(cookie::max_bytes + 1, 'x'), 0400), cause::too_long);
  check(here.write("empty", "", 0400), cause::too_short);
  check(here.path("empty") / "below", cause::unreadable);
}

TEST_CASE("a file of another user is refused") {
  const place here;
  const fs::path file = here.write("theirs", good, 0400);
  // Giving a file away is root's right; for another user every file of root is not theirs.
  const bool given = ::chown(file.c_str(), 12345, static_cast<gid_t>(-1)) == 0;
  const fs::path theirs = given ? file : fs::path("/etc/hostname");
  const auto read = load_cookie({.file = theirs});
  CHECK(error_of(read).what == cause::not_ours);
  CHECK_THAT(error_of(read).text, matchers::ContainsSubstring("chown"));
}

}  // namespace
}  // namespace troupe::net
