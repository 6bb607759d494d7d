#include "otp/script.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace otp {
namespace {

namespace fs = std::filesystem;

std::string text_of(const script& what) {
  return "script " + std::to_string(what.seed) + '\n' + joined(what.lines, "\n") + "\nend\n";
}

// Lets Erlang play them; gives what it tells of each.
std::vector<std::string> played_by_erlang(const subject& what, const std::vector<script>& all) {
  const fs::path folder = TROUPE_OTP_WORK;
  fs::create_directories(folder);
  const std::string in = folder / (std::string(what.name) + ".scripts");
  const std::string out = folder / (std::string(what.name) + ".told");
  fs::remove(out);
  std::ofstream scripts(in);
  for (const script& s : all) scripts << text_of(s);
  scripts.close();
  const std::string program = fs::path(TROUPE_OTP_SOURCE) / what.escript;
  const int status = std::system(("escript '" + program + "' '" + in + "' '" + out + "'").c_str());
  INFO(program << " " << in << " " << out);
  REQUIRE(status == 0);

  std::vector<std::string> told;
  std::ifstream answers(out);
  for (std::string line; std::getline(answers, line);) {
    if (line.starts_with("script "))
      told.emplace_back();
    else if (line != "end")
      told.back() += line + '\n';
  }
  REQUIRE(told.size() == all.size());
  return told;
}

std::string played_by_troupe(const subject& what, const script& s) {
  try {
    return what.play(s);
  } catch (const std::exception& e) {
    return std::string("broken: ") + e.what() + '\n';
  }
}

// A script that was shortened too far makes no sense to a player.
bool is_broken(std::string_view told) { return told.find("broken: ") != std::string_view::npos; }

// The script without one line, for each line.
std::vector<script> shortened(const script& s) {
  std::vector<script> all;
  for (std::size_t out = 0; out < s.lines.size(); ++out) {
    all.push_back(s);
    all.back().lines.erase(all.back().lines.begin() + static_cast<std::ptrdiff_t>(out));
  }
  return all;
}

// A script that differs, and what was told of it.
struct difference {
  script what;
  std::string by_erlang;
  std::string by_troupe;
};

// Takes away line by line as long as the two differ.
difference smallest(const subject& what, difference found) {
  for (bool shorter = true; shorter && found.what.lines.size() > 1;) {
    shorter = false;
    const std::vector<script> tries = shortened(found.what);
    const std::vector<std::string> told = played_by_erlang(what, tries);
    for (std::size_t i = 0; i < tries.size() && !shorter; ++i) {
      std::string by_troupe = played_by_troupe(what, tries[i]);
      if (by_troupe == told[i] || is_broken(by_troupe) || is_broken(told[i])) continue;
      found = {tries[i], told[i], std::move(by_troupe)};
      shorter = true;
    }
  }
  return found;
}

struct figures {
  std::size_t scripts = 0, steps = 0, told = 0, explained = 0;
  void count(const script& s, const std::string& text) {
    ++scripts;
    steps += s.lines.size();
    told += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (text.find('~') != std::string::npos) ++explained;
  }
};

}  // namespace

bool agree(const subject& what, std::uint64_t first_seed, std::uint64_t count) {
  if (std::system("command -v escript > /dev/null") != 0) return false;
  constexpr std::uint64_t at_once = 2000;
  figures done;
  std::vector<difference> found;
  for (std::uint64_t from = first_seed; from < first_seed + count; from += at_once) {
    std::vector<script> all;
    for (std::uint64_t seed = from; seed < std::min(from + at_once, first_seed + count); ++seed)
      all.push_back(what.generate(seed));
    const std::vector<std::string> told = played_by_erlang(what, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::string by_troupe = played_by_troupe(what, all[i]);
      if (by_troupe != told[i]) found.push_back({all[i], told[i], std::move(by_troupe)});
      done.count(all[i], told[i]);
    }
  }
  std::printf(
      "%.*s: %zu scripts (seeds %ju to %ju), %zu steps, %zu lines told; %zu agreed, of these "
      "%zu met a documented difference; %zu differed\n",
      static_cast<int>(what.name.size()), what.name.data(), done.scripts, first_seed,
      first_seed + count - 1, done.steps, done.told, done.scripts - found.size(), done.explained,
      found.size());
  constexpr std::size_t shown = 5;
  for (std::size_t i = 0; i < std::min(shown, found.size()); ++i) {
    const difference least = smallest(what, found[i]);
    FAIL_CHECK("they differ on:\n"
               << text_of(least.what) << "Erlang told:\n"
               << least.by_erlang << "troupe told:\n"
               << least.by_troupe);
  }
  return true;
}

}  // namespace otp
