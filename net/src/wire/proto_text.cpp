#include <troupe/net/proto.hpp>

#include <google/protobuf/descriptor.h>

#include <cctype>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/codec_walk.hpp"

namespace troupe::net {
namespace {

// As in frame.proto, for files that stand alone.
constexpr std::string_view pid_fields =
    "  uint32 node = 1;  // 0: the sender's node, 1: the receiver's, else given by define_name\n"
    "  fixed64 id = 2;  // 0: no process\n";
constexpr std::string_view reason_fields =
    "  enum word {\n"
    "    unspecified = 0;\n"
    "    normal = 1;\n"
    "    shutdown = 2;\n"
    "    kill = 3;\n"
    "    killed = 4;\n"
    "    noproc = 5;\n"
    "    noconnection = 6;\n"
    "    error = 7;\n"
    "    user = 8;\n"
    "  }\n"
    "  word kind = 1;\n"
    "  bytes text = 2;\n"
    "  bytes error_type = 3;\n"
    "  bytes value_type = 4;\n"
    "  bytes value = 5;\n";

// protoc refuses the numbers from 19000 to 19999.
constexpr std::size_t most_fields = 18'999;

// A C++ name as one word: `play::add` is `play_add`.
std::string to_word(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += c;
    else if (!out.empty() && out.back() != '_')
      out += '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return out;
}

class proto_writer {
 public:
  std::string file(const type_info& type);

 private:
  std::string type_word(const type_info& type);
  std::string scalar(const type_info& type);
  std::string foreign(const type_info& type);
  std::string message(const type_info& type);
  std::string wrapper(const type_info& type, const std::string& suffix);
  std::string field(const type_info& type, std::size_t number);
  std::string fields(const type_info& type);
  std::string unused(std::string word);
  [[noreturn]] void refuse(const type_info& type, std::string_view why) const;

  // A record by its table; a wrapper by what it is put around, which may have several tables.
  std::map<std::pair<const type_info*, std::string>, std::string> names_;
  std::set<std::string> taken_;
  std::set<std::string> imports_;
  std::vector<std::string> messages_;
  std::vector<std::string_view> path_;
};

std::string proto_writer::file(const type_info& type) {
  std::string out = "// How troupe's nodes encode " + std::string(type.name) + ".\n";
  if (is_message(type)) {
    const std::string word = type_word(type);
    if (type.form == shape::foreign)
      out += word == "bytes" ? "// The bytes are those of the class itself.\n"
                             : "// The message is " + word.substr(1) + ".\n";
  } else {
    wrapper(type, type.form == shape::sequence   ? "_list"
                  : type.form == shape::optional ? "_optional"
                                                 : "_value");
  }
  out += "syntax = \"proto3\";\n";
  for (const std::string& name : imports_) out += "\nimport \"" + name + "\";\n";
  for (const std::string& text : messages_) out += "\n" + text;
  return out;
}

// Messages have a dot in front, so that they can have names that mean something to protoc.
std::string proto_writer::type_word(const type_info& type) {
  switch (type.form) {
    case shape::foreign: return foreign(type);
    case shape::record:
    case shape::choice:
    case shape::process:
    case shape::reason: return "." + message(type);
    case shape::sequence: return "." + wrapper(type, "_list");
    case shape::optional: return "." + wrapper(type, "_optional");
    default: return scalar(type);
  }
}

std::string proto_writer::scalar(const type_info& type) {
  switch (type.form) {
    case shape::boolean: return "bool";
    case shape::signed_integer: return type.size == 8 ? "sint64" : "sint32";
    case shape::unsigned_integer: return type.size == 8 ? "uint64" : "uint32";
    case shape::real: return type.size == sizeof(float) ? "float" : "double";
    case shape::text: return "string";
    case shape::bytes: return "bytes";
    default:
      refuse(type,
             "cannot cross to another node, because no format can see inside it; send the values "
             "that it is made of, in an aggregate or a standard container");
  }
}

// What protoc made is known by its own name, unless it was made for the small runtime.
std::string proto_writer::foreign(const type_info& type) {
  std::string name(type.name);
  for (std::size_t at = 0; (at = name.find("::", at)) != std::string::npos;)
    name.replace(at, 2, ".");
  const auto* known =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (known == nullptr) return "bytes";
  imports_.insert(known->file()->name());
  return "." + name;
}

std::string proto_writer::message(const type_info& type) {
  const auto [at, fresh] = names_.try_emplace({&type, ""});
  if (!fresh) return at->second;
  const std::string name = at->second = unused(to_word(type.name));
  const std::size_t place = messages_.size();
  messages_.emplace_back();  // before those that it needs
  std::string text = "// " + std::string(type.name) + "\nmessage " + name + " {\n";
  if (type.form == shape::process)
    text += pid_fields;
  else if (type.form == shape::reason)
    text += reason_fields;
  else
    text += fields(type);
  messages_[place] = text + "}\n";
  return name;
}

std::string proto_writer::wrapper(const type_info& type, const std::string& suffix) {
  const type_info* around = needs_wrapper(type) ? type.parts[0] : &type;
  const auto [at, fresh] = names_.try_emplace({around, suffix});
  if (!fresh) return at->second;
  std::string& name = at->second;
  name = unused(to_word(around->name) + suffix);
  const std::size_t place = messages_.size();
  messages_.emplace_back();
  path_.push_back(type.name);
  messages_[place] = "message " + name + " {\n" + field(type, 1) + "}\n";
  path_.pop_back();
  return name;
}

std::string proto_writer::fields(const type_info& type) {
  if (type.parts.size() > most_fields)
    refuse(type, "has more than " + std::to_string(most_fields) +
                     " fields, which no .proto file can have; send a std::vector");
  const bool choice = type.form == shape::choice;
  path_.push_back(type.name);
  std::string out = choice ? "  oneof alternative {\n" : "";
  for (std::size_t i = 0; i < type.parts.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    out += choice ? "    " + type_word(*type.parts[i]) + " field_" + number + " = " + number + ";\n"
                  : field(*type.parts[i], i + 1);
  }
  path_.pop_back();
  return choice ? out + "  }\n" : out;
}

std::string proto_writer::field(const type_info& type, std::size_t number) {
  const std::string label = type.form == shape::sequence ? "repeated "
                            : is_message(type)           ? ""
                                                         : "optional ";
  const std::string word = type_word(needs_wrapper(type) ? *type.parts[0] : type);
  return "  " + label + word + " field_" + std::to_string(number) + " = " + std::to_string(number) +
         ";\n";
}

std::string proto_writer::unused(std::string word) {
  const std::string first = word;
  for (int i = 2; !taken_.insert(word).second; ++i) word = first + "_" + std::to_string(i);
  return word;
}

void proto_writer::refuse(const type_info& type, std::string_view why) const {
  std::string text;
  for (const std::string_view name : path_) text.append(name).append(": ");
  throw std::invalid_argument(text.append(type.name).append(" ").append(why));
}

}  // namespace

std::string internal::proto_text(const type_info& type) { return proto_writer().file(type); }

}  // namespace troupe::net
